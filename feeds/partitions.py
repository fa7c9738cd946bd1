"""Time partitions of emails, events and inbox: made ahead, filled in late, dropped when nobody keeps them any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from psycopg import sql

from accounts.models import Account
from feeds.models import id_at

# Each table with the column its ranges are of, and what its partitions are made with.
TABLES = {
    "feeds_email": ("id", sql.SQL(" with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)")),
    "feeds_event": ("email_id", sql.SQL("")),
    "feeds_tagged": ("email_id", sql.SQL("")),
    "feeds_repeat": ("email_id", sql.SQL("")),
    "feeds_inbox": ("id", sql.SQL("")),
}
MONTHS_BACK, MONTHS_AHEAD = 1, 2
# Raw requests are there to be read again and to show where an event came from; they are many times the size of it.
INBOX_KEPT = timedelta(days=30)
# Two processes never change partitions at once.
LOCK = 0x4C46_0001


def register(table: str, column: str) -> None:
    """Keep the months of one more table, made by the SQL of its app, with a default partition. Called once each."""
    TABLES[table] = (column, sql.SQL(""))


@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month (UTC) of a partitioned table."""

    table: str
    first: date

    @property
    def name(self) -> str:
        return f"{self.table}_{self.first:%Y%m}"

    @property
    def bounds(self) -> tuple[int, int]:
        """The ids of this month: from the first number, up to but without the second."""
        return _id(self.first), _id(shift(self.first, 1))


def _id(day: date) -> int:
    return id_at(datetime(day.year, day.month, 1, tzinfo=UTC))


def shift(first: date, months: int) -> date:
    """The first day of the month `months` after the one that begins at `first`."""
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def existing() -> list[Month]:
    """The monthly partitions there are, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.relname, c.relname from pg_inherits join pg_class p on p.oid = inhparent"
            " join pg_class c on c.oid = inhrelid where p.relname = any(%s) and c.relname ~ '_[0-9]{6}$' order by 2",
            [list(TABLES)],
        )
        return [Month(table, date(int(name[-6:-2]), int(name[-2:]), 1)) for table, name in cursor]


def make(now: datetime) -> list[str]:
    """Make the partitions from last month to the month after next that are missing; returns their names.

    Rows that came while a month was missing were kept by the default partition and move to where they belong.
    """
    this = now.astimezone(UTC).date().replace(day=1)
    wanted = {
        Month(table, shift(this, n)) for table in TABLES for n in range(-MONTHS_BACK, MONTHS_AHEAD + 1)
    }  # fmt: skip
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        for month in sorted(wanted - set(existing()), key=lambda m: m.name):
            _make(cursor, month)
            made.append(month.name)
    return made


def _make(cursor: object, month: Month) -> None:
    column, options = TABLES[month.table]
    low, high = month.bounds
    words = {
        "parent": sql.Identifier(month.table),
        "default": sql.Identifier(f"{month.table}_default"),
        "part": sql.Identifier(month.name),
        "column": sql.Identifier(column),
        "options": options,
        "low": sql.Literal(low),
        "high": sql.Literal(high),
    }
    for statement in (
        # The writers wait for a moment, so that no row can slip into the default partition behind the move.
        "lock table {parent} in share row exclusive mode",
        "create table {part} (like {parent} including defaults including storage){options}",
        (
            "with moved as (delete from {default} where {column} >= {low} and {column} < {high} returning *)"
            " insert into {part} select * from moved"
        ),
        "alter table {parent} attach partition {part} for values from ({low}) to ({high})",
    ):
        cursor.execute(sql.SQL(statement).format(**words))  # type: ignore[attr-defined]


def drop_expired(now: datetime) -> list[str]:
    """Drop the months that no account keeps any more; returns the names of the partitions that went.

    A request of the inbox that was never read is not dropped with its month: it moves to the default partition.
    """
    kept_days = max(Account.objects.values_list("retention_days", flat=True), default=None)
    if kept_days is None:
        return []
    limits = {table: id_at(now - timedelta(days=kept_days)) for table in TABLES}
    limits["feeds_inbox"] = max(limits["feeds_inbox"], id_at(now - INBOX_KEPT))
    gone = [month for month in existing() if month.bounds[1] <= limits[month.table]]
    for month in gone:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
            if month in existing():
                _drop(cursor, month)
    _clear_defaults(limits)
    emails = [month for month in gone if month.table == "feeds_email"]
    if emails:
        _forget_keys(emails[-1].bounds[1])
    return [month.name for month in gone]


def _drop(cursor: object, month: Month) -> None:
    words = {"parent": sql.Identifier(month.table), "part": sql.Identifier(month.name)}
    statements = ["alter table {parent} detach partition {part}"]
    if month.table == "feeds_inbox":
        statements.append("insert into {parent} select p.* from {part} p join feeds_inbox_due d on d.inbox_id = p.id")
    for statement in (*statements, "drop table {part}"):
        cursor.execute(sql.SQL(statement).format(**words))  # type: ignore[attr-defined]


def _clear_defaults(limits: dict[str, int]) -> None:
    """What strayed into a default partition goes when it is as old as what went with its month."""
    with connection.cursor() as cursor:
        for table, (column, _options) in TABLES.items():
            unread = "not exists (select from feeds_inbox_due d where d.inbox_id = t.id)"
            cursor.execute(
                sql.SQL("delete from {} t where {} < {} and {}").format(
                    sql.Identifier(f"{table}_default"), sql.Identifier(column), sql.Literal(limits[table]),
                    sql.SQL(unread if table == "feeds_inbox" else "true"),
                )
            )  # fmt: skip


def _forget_keys(limit: int) -> None:
    """Forget which email a source meant, for emails that are gone; in batches, so that nobody waits for it."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "delete from feeds_message_key where ctid = any(array("
                "select ctid from feeds_message_key where email_id < %s limit 100000))",
                [limit],
            )
            if cursor.rowcount < 100000:
                return

"""Counting again: the days of an account whose time zone changed, and everything, after a restore or in doubt.

`feeds.lifecycle` keeps the counts as it writes emails. Whoever counts again locks the account's row of feeds_day_zone,
which `record` holds while it writes, so that nothing is written meanwhile; requests from outside wait in the inbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from accounts.models import Account
from feeds.cohorts import MEASURES, QUARTER, STATUSES, Dimension, counts
from feeds.models import id_at
from feeds.staging import FIRST_TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

# Rows an hour: more than come, and no long transaction.
MOST_FORGOTTEN = 100_000


@dataclass(frozen=True, slots=True)
class Counts:
    """One table of counts: what identifies its rows, what they count, the statement that counts it anew from what is
    stored (of %(accounts)s, as far back as %(low)s), and which of its rows that statement can speak of.
    """

    table: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    anew: str
    scope: str


DAYS = f"""
    select e.account_id, v.dimension, (feeds_time(e.id) at time zone z.zone)::date as day, v.value, {counts(MEASURES)}
    from feeds_email e join feeds_day_zone z using (account_id) join feeds_address r on r.id = e.recipient_id
    cross join lateral (values ({Dimension.SENDER}::smallint, coalesce(e.sender_id, 0)),
        ({Dimension.DOMAIN}, r.domain_id), ({Dimension.REASON}, e.reason_id)) as v (dimension, value)
    where e.account_id = any(%(accounts)s) and e.id >= %(low)s and v.value is not null group by 1, 2, 3, 4
"""  # noqa: S608  # here and below: nothing comes from outside
_QUARTERS = MEASURES | STATUSES
COHORTS = f"""
    select account_id, {QUARTER} as starts_at, {counts(_QUARTERS)}
    from feeds_email where account_id = any(%(accounts)s) and id >= %(low)s group by 1, 2
"""  # noqa: S608
_FIRSTS = ", ".join(f"({int(kind)}, {column})" for kind, column in FIRST_TIMES.items())
EVENTS = f"""
    select account_id, date_bin('15 minutes', at, '2020-01-01 00:00+00') as starts_at, kind::smallint as kind,
        sum(events) as events, sum(emails) as emails
    from (
        select account_id, occurred_at as at, kind, 1 as events, 0 as emails
        from feeds_event where account_id = any(%(accounts)s)
        union all
        select account_id, at, kind, 0, 1
        from feeds_email cross join lateral (values {_FIRSTS}) as f (kind, at)
        where account_id = any(%(accounts)s) and at is not null) told
    where at >= %(since)s group by 1, 2, 3
"""  # noqa: S608
TABLES = (
    Counts("feeds_cohort", ("account_id", "starts_at"), tuple(_QUARTERS), COHORTS, "starts_at >= %(since)s"),
    Counts(
        "feeds_day", ("account_id", "dimension", "day", "value"), tuple(MEASURES),
        f"select * from ({DAYS}) d where day > %(day)s", "day > %(day)s",  # noqa: S608
    ),
    Counts(
        "feeds_rollup", ("account_id", "starts_at", "kind"), ("events", "emails"), EVENTS, "starts_at >= %(since)s"
    ),
)  # fmt: skip


# ---- Another time zone ------------------------------------------------------------------------------------


def follow_zones() -> list[int]:
    """Count the days again of accounts that moved to another time zone; returns their ids. A transaction for each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select z.account_id from feeds_day_zone z join accounts_account a on a.id = z.account_id"
            " where z.zone <> a.time_zone order by 1"
        )
        moved = [account_id for (account_id,) in cursor.fetchall()]
    return [account_id for account_id in moved if follow_zone(account_id)]


def follow_zone(account_id: int) -> bool:
    """Count the days of this account again, in its zone of now; False where somebody else has."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select zone from feeds_day_zone where account_id = %s for update", [account_id])
        held = cursor.fetchone()
        # Read after the lock was got: the zone may have been changed again, or back, while it was waited for.
        zone = Account.objects.values_list("time_zone", flat=True).filter(id=account_id).first()
        if held is None or zone is None or held[0] == zone:
            return False
        cursor.execute("update feeds_day_zone set zone = %s where account_id = %s", [zone, account_id])
        cursor.execute("delete from feeds_day where account_id = %s", [account_id])
        columns = ", ".join(("account_id", "dimension", "day", "value", *MEASURES))
        cursor.execute(
            f"insert into feeds_day ({columns}) {DAYS} order by 1, 2, 3, 4",
            {"accounts": [account_id], "low": 0},
        )
    return True


def forget_days(now: datetime) -> int:
    """Drop the counts of days that no account keeps any more, a bounded number at a time; returns how many.

    They are a few thousand a day where an account writes to many domains. The quarters stay: they are few, and the
    time before a period is compared with them.
    """
    limit = _kept_since(now).date() - timedelta(days=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "delete from feeds_day where ctid = any(array("
            " select d.ctid from accounts_account a cross join unnest(%s::smallint[]) as n (dimension)"
            " join feeds_day d on d.account_id = a.id and d.dimension = n.dimension and d.day < %s limit %s))",
            [[int(dimension) for dimension in Dimension], limit, MOST_FORGOTTEN],
        )
        return int(cursor.rowcount)


# ---- Everything -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """What a table told wrongly: in how many rows, and what must be added to each measure as a whole."""

    table: str
    rows: int
    sums: dict[str, int]


def recount(account_ids: Sequence[int], now: datetime, *, write: bool = True) -> list[Difference]:
    """Count everything of these accounts again, tell what was wrong, and put it right unless told not to.

    One transaction; these accounts record nothing meanwhile. What is older than the installation keeps is left as it
    is: the emails may be gone. Events of emails that are gone no longer count in feeds_rollup.
    """
    since = _kept_since(now)
    told: dict[str, Any] = {"accounts": list(account_ids), "since": since, "day": since.date(), "low": id_at(since)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select from feeds_day_zone where account_id = any(%(accounts)s) order by account_id for update", told
        )
        return [found for table in TABLES if (found := _recount(cursor, table, told, write))]


def _kept_since(now: datetime) -> datetime:
    """The first whole day (UTC) of which no email can have been dropped."""
    longest = max(Account.objects.values_list("retention_days", flat=True), default=0)
    limit = now - timedelta(days=longest)
    return limit.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _recount(cursor: Any, table: Counts, told: dict[str, Any], write: bool) -> Difference | None:
    keys, measures = ", ".join(table.keys), ", ".join(table.measures)
    # An earlier recount of the same transaction may have left one.
    cursor.execute("drop table if exists counted_anew")
    cursor.execute(f"create temp table counted_anew on commit drop as {table.anew}", told)
    cursor.execute(f"create unique index on counted_anew ({keys})")
    cursor.execute("analyze counted_anew")
    pairs = ", ".join(f"sum(coalesce(n.{m}, 0) - coalesce(o.{m}, 0))::bigint" for m in table.measures)
    # A row that counts nothing is as good as none.
    differs = " or ".join(f"coalesce(n.{m}, 0) <> coalesce(o.{m}, 0)" for m in table.measures)
    stored = f"select * from {table.table} where account_id = any(%(accounts)s) and {table.scope}"  # noqa: S608
    cursor.execute(
        f"select count(*), {pairs} from ({stored}) o full join counted_anew n using ({keys}) where {differs}",  # noqa: S608
        told,
    )
    rows, *sums = cursor.fetchone()
    if not rows:
        return None
    if write:
        _put_right(cursor, table, keys, measures, told)
    return Difference(
        table.table, rows, {m: n for m, n in zip(table.measures, sums, strict=True) if n}
    )  # fmt: skip


def _put_right(cursor: Any, table: Counts, keys: str, measures: str, told: dict[str, Any]) -> None:
    same = " and ".join(f"n.{key} = o.{key}" for key in table.keys)
    cursor.execute(
        f"delete from {table.table} o where account_id = any(%(accounts)s) and {table.scope}"  # noqa: S608
        f" and not exists (select from counted_anew n where {same})",
        told,
    )
    sets = ", ".join(f"{m} = excluded.{m}" for m in table.measures)
    excluded = ", ".join(f"excluded.{m}" for m in table.measures)
    old = ", ".join(f"o.{m}" for m in table.measures)
    cursor.execute(
        f"insert into {table.table} as o ({keys}, {measures}) select {keys}, {measures} from counted_anew"  # noqa: S608
        f" order by {keys} on conflict ({keys}) do update set {sets} where ({old}) is distinct from ({excluded})"
    )

"""What changed in the feed, for those who watch it.

`lifecycle.record` notes in `feeds_change` which emails its transaction wrote. Who watches keeps a cursor: the snapshot
of the database they have seen. What is new to them is what that snapshot does not hold and a later one does, which
misses nothing and tells nothing twice, in whatever order transactions commit (an id or a time would do neither: a
lower one may commit later). The broker only says "look now".
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import redis
import structlog
from django.conf import settings
from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

log = structlog.get_logger(__name__)
CHANNEL = "livefeeds:changed"
KEPT = timedelta(hours=1)
# Of a transaction the log has the time at which it began. None lasts as long as this.
LONGEST_TRANSACTION = timedelta(minutes=10)
# A snapshot names each transaction at work, and there are at most as many as connections.
LONGEST_CURSOR = 16_000
_CURSOR = re.compile(r"(\d{1,15})-(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)", re.ASCII)


@cache
def broker() -> redis.Redis:
    """This process's connection to Redis or Valkey, which gives up soon where that is away."""
    return redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_TIMEOUTS)


def announce(account_ids: Iterable[int]) -> None:
    """Say that emails of these accounts changed. Never raises: the database holds the truth."""
    try:
        with broker().pipeline(transaction=False) as pipe:
            for account_id in account_ids:
                pipe.publish(CHANNEL, account_id)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("change_not_announced", error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class Cursor:
    """What somebody has seen: all transactions below `low`, none from `high` on, and between them all but `others`.

    `at` is when, by the database's clock, in milliseconds since 1970.
    """

    at: int
    low: int
    high: int
    others: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor somebody brings back; None where it is none."""
        found = _CURSOR.fullmatch(text) if len(text) <= LONGEST_CURSOR else None
        if found is None:
            return None
        others = frozenset(int(xid) for xid in found[4].split(",") if xid)
        return cls(int(found[1]), int(found[2]), int(found[3]), others)

    def __str__(self) -> str:
        return f"{self.at}-{self.snapshot}"

    @property
    def snapshot(self) -> str:
        """As PostgreSQL writes a pg_snapshot."""
        return f"{self.low}:{self.high}:{','.join(map(str, sorted(self.others)))}"

    def has(self, xid: int) -> bool:
        """Whether this transaction had been committed then."""
        return xid < self.low or (xid < self.high and xid not in self.others)

    def is_lost(self, now: Cursor) -> bool:
        """Whether changes since then may no longer be in the log; also where it comes from another database."""
        kept = (KEPT - LONGEST_TRANSACTION) // timedelta(milliseconds=1)
        return self.at < now.at - kept or self.high > now.high or self.low > self.high


CURSOR = "select (extract(epoch from statement_timestamp()) * 1000)::bigint || '-' || pg_current_snapshot()"
# The transactions that at least one of these snapshots does not hold. Of each account the newest, up to so many emails,
# are told with their emails, the others without. Index: feeds_change_xid.
CHANGES = """
select xid::text::bigint, account_id, case when so_far <= %(most)s then emails end from (
    select *, sum(cardinality(emails)) over (partition by account_id order by xid desc) as so_far
    from feeds_change
    where xid >= %(low)s::text::xid8 and xid < pg_snapshot_xmax(pg_current_snapshot())
    and account_id = any(%(accounts)s)
    and exists (select from unnest(%(snapshots)s::pg_snapshot[]) s where not pg_visible_in_snapshot(xid, s))
) changes
"""


@dataclass(frozen=True, slots=True)
class Change:
    """The emails of an account that a transaction wrote; None where they are too many to be told one by one."""

    xid: int
    account_id: int
    emails: Sequence[int] | None


@contextmanager
def one_moment() -> Iterator[Cursor]:
    """All that is read inside is of one moment: that of the cursor this gives."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        yield cursor_now()


def cursor_now() -> Cursor:
    """What the database holds now; taken before a search, changes since then are told again, and none is missed."""
    with connection.cursor() as cursor:
        cursor.execute(CURSOR)
        found = Cursor.parse(cursor.fetchone()[0])
    assert found is not None
    return found


def changes(since: Iterable[Cursor], account_ids: Collection[int], most: int) -> list[Change]:
    """What of these accounts is new to at least one of these cursors: of each account up to `most` emails."""
    known = list(since)
    words: dict[str, Any] = {
        "low": str(min(cursor.low for cursor in known)),
        "accounts": list(account_ids),
        "snapshots": [cursor.snapshot for cursor in known],
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(CHANGES, words)
        return [Change(*row) for row in cursor.fetchall()]


def forget(now: datetime) -> int:
    """Remove what nobody is told any more; returns how many transactions that were. Index: feeds_change_at."""
    with connection.cursor() as cursor:
        cursor.execute("delete from feeds_change where at < %s", [now - KEPT])
        return int(cursor.rowcount)

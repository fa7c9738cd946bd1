"""Judging opens and clicks anew: the same visits, now as a person's or a machine's, with all that is counted of them.

That somebody or something was there is the fact, and stays. Emails, rollups and cohorts are afterwards what they
would be if each visit had been of its new kind from the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from feeds import cohorts, live, staging
from feeds.events import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

# A visit may change to the other of its pair.
PAIRS = ((Kind.OPENED, Kind.MACHINE_OPENED), (Kind.CLICKED, Kind.MACHINE_CLICKED))
_VISITS = ", ".join(str(int(kind)) for pair in PAIRS for kind in pair)

# In the order of the lifecycle: emails first, in order of id, then what is counted.
LOCK = """
select count(*) from (select from feeds_email where id = any(%s) order by id for no key update) m
"""
# Held to the end: an account's days are not recounted in another zone meanwhile.
HOLD_ZONES = """
select count(*) from (select from feeds_day_zone where account_id in (
    select account_id from feeds_email where id = any(%s)) order by account_id for share) z
"""
JUDGE = f"""
update feeds_event v set kind = j.kind, comment = j.comment
from unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::text[]) as j (email_id, key, kind, comment)
where v.email_id = j.email_id and v.key = j.key and v.kind in ({_VISITS})
    and (v.kind, v.comment) is distinct from (j.kind, j.comment)
returning v.email_id, v.account_id, v.occurred_at, old.kind, new.kind
"""  # noqa: S608  # here and below: nothing comes from outside
_COUNTS = {kind: column for kind, column in staging.COUNTERS.items() if any(kind in pair for pair in PAIRS)}
_TIMES = {kind: column for kind, column in staging.FIRST_TIMES.items() if any(kind in pair for pair in PAIRS)}
_OTHER_TIMES = [column for column in staging.FIRST_TIMES.values() if column not in _TIMES.values()]
_counted = ", ".join(f"count(*) filter (where kind = {int(kind)}) as {column}" for kind, column in _COUNTS.items())
_first = ", ".join(f"min(occurred_at) filter (where kind = {int(kind)}) as {column}" for kind, column in _TIMES.items())
_set = ", ".join(f"{column} = t.{column}" for column in ("status", *_COUNTS.values(), *_TIMES.values()))
_both = ", ".join(
    f"old.{column} as old_{column}, new.{column} as new_{column}"
    for column in (*cohorts.SEEN, *_TIMES.values(), *_OTHER_TIMES)
)
COUNT = f"""
with moved (account_id, at, old_kind, new_kind) as (
    select * from unnest(%s::int[], %s::timestamptz[], %s::smallint[], %s::smallint[])),
told as (
    select email_id, coalesce(max(kind) filter (where kind <= {Kind.DROPPED}), 0) as status, {_counted}, {_first}
    from feeds_event where email_id = any(%s) group by email_id),
written as (
    update feeds_email m set {_set}, updated_at = now() from told t where m.id = t.email_id
    returning new.account_id, new.id, old.id as old_id, new.recipient_id, {_both}),
counted as (
    select account_id, old_kind as kind, at, -1 as events, 0 as emails from moved
    union all select account_id, new_kind, at, 1, 0 from moved
    union all {staging.EMAILS_COUNTED}),
rolled as ({staging.ROLLED}), side as ({cohorts.sides(list(staging.FIRST_TIMES.values()))}),
cohorted as ({cohorts.COHORTED}), dayed as ({cohorts.DAYED}), changed as ({staging.CHANGED})
select count(*) from written
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Anew:
    """A visit, by the key of its event, with the kind it is now and why."""

    email_id: int
    key: int
    kind: Kind
    comment: str


def judge(visits: Iterable[Anew]) -> int:
    """Give these visits their kinds and reasons; returns how many of them changed their kind.

    Only opens and clicks are touched, and each stays what it is but for who made it. One transaction, or the
    caller's. Live pages are told after the commit.
    """
    told = sorted(visits, key=lambda visit: (visit.email_id, visit.key))
    if not told:
        return 0
    emails = sorted({visit.email_id for visit in told})
    rows = [(visit.email_id, visit.key, int(visit.kind), visit.comment) for visit in told]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK, [emails])
        cursor.execute(JUDGE, [list(column) for column in zip(*rows, strict=True)])
        changed = [row for row in cursor.fetchall() if row[3] != row[4]]
        if changed:
            _count(cursor, changed)
    return len(changed)


def _count(cursor: Any, changed: list[Any]) -> None:
    ids, accounts, times, before, after = (list(column) for column in zip(*changed, strict=True))
    emails = sorted(set(ids))
    cursor.execute(HOLD_ZONES, [emails])
    cursor.execute(COUNT, [accounts, times, before, after, emails])
    transaction.on_commit(lambda: live.announce(set(accounts)))

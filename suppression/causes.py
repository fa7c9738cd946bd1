"""Putting on the list, one statement for any number of causes, whoever gives them and in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.utils import timezone

from suppression import targets
from suppression.models import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from suppression.models import Reason
    from suppression.targets import Target

# What a server said is told to people and searched; of a whole bounce mail the beginning is enough.
LONGEST_COMMENT = 1000

# Sorted, and the same tables in the same order: no two deadlock. An entry that is there already is locked by the
# update of it, also where nothing of it changes: whoever takes it off waits, or this makes it anew.
ADD = """
with given as (
    select distinct on (account_id, target, reason, ident) * from unnest(
        %s::int[], %s::text[], %s::smallint[], %s::text[], %s::smallint[], %s::text[], %s::smallint[],
        %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::int[], %s::int[], %s::text[], %s::text[], %s::text[])
        as g (account_id, target, covers, domain, reason, ident, origin, at, until, added_at, source_id, email_id,
            event_key, import_id, user_id, key_id, actor_name, comment, note)
    order by account_id, target, reason, ident, at
), entry as (
    insert into suppression_suppression as s
        (account_id, target, covers, domain, reason, origin, since, until, added_at)
    select account_id, target, min(covers), min(domain), reason, (array_agg(origin order by at, ident))[1], min(at),
        case when bool_or(until is null) then null else max(until) end, min(added_at)
    from given group by account_id, target, reason order by account_id, target, reason
    on conflict (account_id, target, reason) do update set
        origin = case when excluded.since < s.since then excluded.origin else s.origin end,
        since = least(s.since, excluded.since),
        until = case when s.until is null or excluded.until is null then null
            else greatest(s.until, excluded.until) end
    returning new.id, new.account_id, new.target, new.reason, new.added_at, old.id is null as is_new
), cause as (
    insert into suppression_cause as c (suppression_id, account_id, ident, origin, at, until, added_at, source_id,
        email_id, event_key, import_id, user_id, key_id, actor_name, comment, note)
    select e.id, g.account_id, ident, origin, at, until, g.added_at, source_id, email_id, event_key, import_id,
        user_id, key_id, actor_name, comment, note
    from given g join entry e
        on e.target = g.target and e.reason = g.reason and e.account_id is not distinct from g.account_id
    order by e.id, ident
    on conflict (suppression_id, ident) do update set at = excluded.at, until = excluded.until, note = excluded.note,
        added_at = excluded.added_at
    where c.origin in (2, 3)
    returning new.suppression_id, old.id is null as is_new
), tally as (
    insert into suppression_tally as t (account_id, reason, hour, added, removed)
    select account_id, reason, date_trunc('hour', added_at, 'UTC'), count(*), 0 from entry where is_new
    group by 1, 2, 3 order by 1, 2, 3
    on conflict (account_id, reason, hour) do update set added = t.added + excluded.added
)
select (select count(*) from entry where is_new), (select count(*) from cause where is_new),
    (select array_agg(suppression_id) from cause where not is_new)
"""
# What follows from the causes that are left.
FOLLOW = """
update suppression_suppression s set since = c.since, until = c.until, origin = c.origin
from (
    select suppression_id, min(at) as since, (array_agg(origin order by at, ident))[1] as origin,
        case when bool_or(until is null) then null else max(until) end as until
    from suppression_cause where suppression_id = any(%s) group by suppression_id) c
where s.id = c.suppression_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a target must not be mailed; times are aware. `account_id` None: by the whole installation.

    `ident` tells causes of one entry apart (`models.Cause`): one that is known already is not added again; what a
    person or a key said before is replaced.
    """

    account_id: int | None
    target: Target
    reason: Reason
    origin: Origin
    ident: str
    at: datetime
    until: datetime | None = None
    added_at: datetime | None = None
    source_id: int | None = None
    email_id: int | None = None
    event_key: int | None = None
    import_id: int | None = None
    user_id: int | None = None
    key_id: int | None = None
    actor_name: str = ""
    comment: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """How many entries are new on the list, and how many causes."""

    entries: int = 0
    causes: int = 0


def of_event(
    account_id: int,
    address: str,
    reason: Reason,
    at: datetime,
    email_id: int,
    event_key: int,
    *,
    source_id: int,
    comment: str = "",
) -> Cause:
    """An event after which this address must not be mailed."""
    return Cause(
        account_id=account_id, target=targets.of_address(address), reason=reason, origin=Origin.EVENT,
        ident=f"e{email_id}.{event_key}", at=at, source_id=source_id, email_id=email_id, event_key=event_key,
        comment=comment[:LONGEST_COMMENT],
    )  # fmt: skip


def add(causes: Iterable[Cause]) -> Added:
    """Put these on the list, inside the caller's transaction or in one of its own. The same causes, in any order and
    however often, give the same list."""
    now = timezone.now()
    rows = [_row(cause, now) for cause in causes]
    if not rows:
        return Added()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ADD, [list(column) for column in zip(*rows, strict=True)])
        entries, new, replaced = cursor.fetchone()
        if replaced:
            follow(replaced)
    return Added(entries, new)


def follow(entries: list[int]) -> None:
    """Have these entries say what follows from their causes, which changed. Holds their rows' locks."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, [entries])


def _row(cause: Cause, now: datetime) -> tuple[object, ...]:
    target = cause.target
    return (
        cause.account_id, target.text, int(target.covers), target.domain, int(cause.reason), cause.ident,
        int(cause.origin), cause.at, cause.until, cause.added_at or now, cause.source_id, cause.email_id,
        cause.event_key, cause.import_id, cause.user_id, cause.key_id, cause.actor_name, cause.comment, cause.note,
    )  # fmt: skip

"""Putting on the list: two statements for any number of causes, whoever gives them and in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from suppression import targets
from suppression.models import Covers, Origin, Suppression

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from suppression.models import Reason
    from suppression.targets import Target

# What a server said is told to people and searched; of a whole bounce mail the beginning is enough.
LONGEST_COMMENT = 1000
# Each address that is checked is held against all of its list.
MOST_PATTERNS = 100
# Of these the last word holds. All else is a fact, of which the first telling does.
WORDS = (Origin.PERSON, Origin.KEY)

COLUMNS = (
    "account_id, target, covers, domain, reason, ident, origin, at, until, added_at, source_id, email_id, event_key,"
    " import_id, user_id, key_id, actor_name, comment, note"
)
GIVEN = """
    select * from unnest(
        %(account_id)s::int[], %(target)s::text[], %(covers)s::smallint[], %(domain)s::text[], %(reason)s::smallint[],
        %(ident)s::text[], %(origin)s::smallint[], %(at)s::timestamptz[], %(until)s::timestamptz[],
        %(added_at)s::timestamptz[], %(source_id)s::int[], %(email_id)s::bigint[], %(event_key)s::bigint[],
        %(import_id)s::bigint[], %(user_id)s::int[], %(key_id)s::int[], %(actor_name)s::text[], %(comment)s::text[],
        %(note)s::text[]) as g (account_id, target, covers, domain, reason, ident, origin, at, until, added_at,
            source_id, email_id, event_key, import_id, user_id, key_id, actor_name, comment, note)
"""
# Sorted, and the same tables in the same order: no two deadlock. An entry that is there already is locked, also where
# nothing of it changes: whoever takes it off waits, or this makes it anew.
ENTRIES = """
with entry as (
    insert into suppression_suppression as s
        (account_id, target, covers, domain, reason, origin, since, until, added_at)
    select account_id, target, min(covers), min(domain), reason, (array_agg(origin order by at, origin))[1], min(at),
        case when bool_or(until is null) then null else max(until) end, min(added_at)
    from ({given}) g group by account_id, target, reason order by account_id, target, reason
    on conflict (account_id, target, reason) do update set
        origin = case when (excluded.since, excluded.origin) < (s.since, s.origin) then excluded.origin
            else s.origin end,
        since = least(s.since, excluded.since),
        until = case when s.until is not null and excluded.until is not null then greatest(s.until, excluded.until) end,
        added_at = least(s.added_at, excluded.added_at)
    where (excluded.since, excluded.origin) < (s.since, s.origin) or excluded.added_at < s.added_at
        or s.until is not null and (excluded.until is null or s.until < excluded.until)
    returning new.account_id, new.reason, new.added_at, old.id is null as is_new
), tally as (
    insert into suppression_tally (account_id, reason, hour, added, removed)
    select account_id, reason, {counted} from entry where is_new group by 1, 2, 3
)
select count(*) filter (where is_new) from entry
"""
# A statement of its own, which sees the entries that others had just made.
CAUSES = """
with cause as (
    insert into suppression_cause as c (suppression_id, account_id, ident, origin, at, until, added_at, source_id,
        email_id, event_key, import_id, user_id, key_id, actor_name, comment, note)
    select e.id, g.account_id, ident, origin, at, until, g.added_at, source_id, email_id, event_key, import_id,
        user_id, key_id, actor_name, comment, note
    from ({given}) g cross join lateral (
        select id from suppression_suppression s
        where s.account_id = g.account_id and s.target = g.target and s.reason = g.reason
        union all
        select id from suppression_suppression s
        where g.account_id is null and s.account_id is null and s.target = g.target and s.reason = g.reason) e
    order by e.id, ident
    on conflict (suppression_id, ident) do update set
        at = case when {word} then greatest(c.at, excluded.at) else least(c.at, excluded.at) end,
        until = case when {word} then case when {later} then excluded.until else c.until end
            when c.until is not null and excluded.until is not null then greatest(c.until, excluded.until) end,
        note = case when {word} and {later} then excluded.note else c.note end,
        actor_name = case when {word} and {later} then excluded.actor_name else c.actor_name end,
        added_at = least(c.added_at, excluded.added_at)
    where {word} or excluded.at < c.at or excluded.added_at < c.added_at
        or c.until is not null and (excluded.until is null or c.until < excluded.until)
    returning new.suppression_id, old.id is null as is_new
)
select count(*) filter (where is_new), array_agg(suppression_id) filter (where not is_new) from cause
"""
LATER = {"word": "c.origin in (2, 3)", "later": "(excluded.at, excluded.note) > (c.at, c.note)"}
ADDED = "date_trunc('hour', added_at, 'UTC'), count(*), 0"
# What follows from the causes that are left.
FOLLOW = """
update suppression_suppression s set since = c.since, until = c.until, origin = c.origin, added_at = c.added_at
from (
    select suppression_id, min(at) as since, (array_agg(origin order by at, origin))[1] as origin,
        case when bool_or(until is null) then null else max(until) end as until, min(added_at) as added_at
    from suppression_cause where suppression_id = any(%s) group by suppression_id) c
where s.id = c.suppression_id and (s.since, s.origin, s.until, s.added_at)
    is distinct from (c.since, c.origin, c.until, c.added_at)
"""


class TooManyPatterns(targets.NotATarget):
    """A list has as many patterns as it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a target must not be mailed; times are aware. `account_id` None: by the whole installation.

    `ident` tells causes of one entry apart (`models.Cause`), and one that is there already is not added again. Of what
    a person or a key says several times the last word holds, by `at`; of a fact the earliest telling.
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
    however often, give the same list. Raises TooManyPatterns."""
    now = timezone.now()
    given: dict[tuple[int | None, str, int, str], Cause] = {}
    for cause in causes:
        told = cause if cause.added_at else replace(cause, added_at=now)
        key = (cause.account_id, cause.target.text, int(cause.reason), cause.ident)
        given[key] = _merged(given[key], told) if key in given else told
    if not given:
        return Added()
    columns = zip(*map(_row, given.values()), strict=True)
    with transaction.atomic():
        _make_room(given.values())
        return put(GIVEN, dict(zip(COLUMNS.split(", "), map(list, columns), strict=True)))


def put(given: str, params: Mapping[str, Any], counted: str = ADDED) -> Added:
    """The same for what a SELECT gives, with these COLUMNS and each cause once; inside the caller's transaction.

    `counted` is what `Tally` is told of entries that are new: the hour, and how many came and went."""
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES.format(given=given, counted=counted), params)
        (entries,) = cursor.fetchone()
        cursor.execute(CAUSES.format(given=given, **LATER), params)
        new, changed = cursor.fetchone()
        if changed:
            follow(changed)
    return Added(entries, new)


def follow(entries: Collection[int]) -> None:
    """Have these entries say what follows from their causes, which changed. Their rows are locked by the caller."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, [list(entries)])


def _merged(one: Cause, other: Cause) -> Cause:
    """One cause that was told twice, as the statements have it."""
    added = min(cause.added_at for cause in (one, other) if cause.added_at)
    if one.origin in WORDS:
        return replace(max(one, other, key=lambda cause: (cause.at, cause.note)), added_at=added)
    untils = [cause.until for cause in (one, other) if cause.until]
    until = max(untils) if len(untils) == 2 else None
    return replace(min(one, other, key=lambda cause: cause.at), until=until, added_at=added)


def _make_room(causes: Iterable[Cause]) -> None:
    """Refuse more patterns than a list may have. Two who add the last one at once may have one more."""
    patterns: dict[int | None, set[str]] = {}
    for cause in causes:
        if cause.target.covers == Covers.PATTERN:
            patterns.setdefault(cause.account_id, set()).add(cause.target.text)
    for account_id, new in patterns.items():
        # Index: suppression_patterns.
        there = Suppression.objects.filter(account=account_id, covers=Covers.PATTERN).values_list("target", flat=True)
        known = set(there)
        if new - known and len(known | new) > MOST_PATTERNS:
            raise TooManyPatterns(
                _("A list may have %(most)s patterns, and this one would have %(found)s: take some off first.")
                % {"most": MOST_PATTERNS, "found": len(known | new)}
            )


def _row(cause: Cause) -> tuple[object, ...]:
    target = cause.target
    return (
        cause.account_id, target.text, int(target.covers), target.domain, int(cause.reason), cause.ident,
        int(cause.origin), cause.at, cause.until, cause.added_at, cause.source_id, cause.email_id,
        cause.event_key, cause.import_id, cause.user_id, cause.key_id, cause.actor_name, cause.comment, cause.note,
    )  # fmt: skip

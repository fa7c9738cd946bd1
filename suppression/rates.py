"""How many suppressions come by themselves, and how many are usual.

What people add and what is imported is not counted: they know of it. What the API adds is, for programs make mistakes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection

from suppression.models import Origin
from suppression.spike import Rate, Spike

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from accounts.models import Account

HOUR, USUAL = timedelta(hours=1), timedelta(days=14)
# Causes looked at: of an hour, and of a list that was never looked at. Beyond, the newest are counted.
MOST, MOST_BEFORE = 200_000, 500_000
# What is rarer in an hour is no row; of domains and sources so many are.
LEAST, NAMED = 5, 50
PROGRAMS = [int(Origin.EVENT), int(Origin.KEY)]

# Index: suppression_cause_newest.
COUNTED = """
with told as materialized (
    select c.added_at, c.source_id, s.reason, s.domain, {bucket} as bucket
    from (
        select added_at, source_id, suppression_id, origin from suppression_cause
        where account_id = %(account)s and added_at >= %(since)s and added_at < %(until)s
        order by added_at desc, id desc limit %(most)s) c
    join suppression_suppression s on s.id = c.suppression_id
    where c.origin = any(%(programs)s)
), counted as (
    select bucket, reason, case when grouping(domain) = 0 then domain else '' end as domain,
        case when grouping(source_id) = 0 then source_id else 0 end as source_id, count(*) as n
    from told
    group by grouping sets ((bucket, reason), (bucket, reason, domain), (bucket, reason, source_id))
    having (grouping(domain) = 1 or domain <> '') and (grouping(source_id) = 1 or source_id <> 0)
)
{what}
"""
NOTE = COUNTED.format(
    bucket="date_trunc('hour', c.added_at, 'UTC')",
    what="""
insert into suppression_rate as r (account_id, hour, reason, domain, source_id, n)
select %(account)s, bucket, reason, domain, source_id, n from (
    select *, row_number() over (partition by bucket, reason, domain = '' order by n desc, domain, source_id) as place
    from counted where n >= %(least)s) c
where place <= %(named)s order by 1, 3, 4, 5, 2
on conflict (account_id, reason, domain, source_id, hour) do update set n = excluded.n
""",
)
# It began with the first five minutes in which they came as thick, nearly, as in those in which most came.
LATELY = COUNTED.format(
    bucket="date_bin('5 minutes', c.added_at, '2020-01-01 00:00+00')",
    what="""
select reason, domain, source_id, sum(n)::bigint, min(bucket) filter (where 4 * n >= most)
from (select *, max(n) over (partition by reason, domain, source_id) as most from counted) c
group by 1, 2, 3 having sum(n) >= %(least)s order by 4 desc limit %(named)s
""",
)


class Key(NamedTuple):
    """What is counted: all of a reason, those of one domain, or those of one source."""

    reason: int
    domain: str = ""
    source_id: int = 0


@dataclass(frozen=True, slots=True)
class Lately:
    """How many there were in the last hour, and since when they come as thick as that."""

    n: int
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Usual:
    """How many an hour had in the last two weeks: all but the one in twenty that had most, and that which had most.
    `hours` is how many there are to tell from."""

    busy: int = 0
    peak: int = 0
    hours: int = 0


def note(account_id: int, now: datetime) -> None:
    """Keep how many there were in this hour and the last one; of an account that has none yet, in two weeks."""
    told: dict[str, Any] = {"account": account_id, "until": now, "programs": PROGRAMS, "least": LEAST, "named": NAMED}
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    is_known = Rate.objects.filter(account=account_id).exists()
    more: dict[str, Any] = (
        {"since": hour - HOUR, "most": MOST} if is_known else {"since": hour - USUAL, "most": MOST_BEFORE}
    )
    with connection.cursor() as cursor:
        cursor.execute(NOTE, told | more)


def lately(account_id: int, now: datetime, least: int) -> dict[Key, Lately]:
    """What came in the last hour, where that is not less."""
    told: dict[str, Any] = {
        "account": account_id,
        "since": now - HOUR,
        "until": now,
        "most": MOST,
        "programs": PROGRAMS,
    }
    with connection.cursor() as cursor:
        cursor.execute(LATELY, told | {"least": least, "named": NAMED * 3})
        return {Key(*row[:3]): Lately(row[3], row[4]) for row in cursor.fetchall()}


def usual(account: Account, keys: Collection[Key], now: datetime) -> dict[Key, Usual]:
    """What of these was usual in the two weeks before the last hour; hours that were a mistake are left out."""
    until = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - HOUR
    since = max(account.created_at, until - USUAL)
    hours = max(int((until - since) / HOUR), 0)
    rates = Rate.objects.filter(account=account, reason__in={key.reason for key in keys}, hour__lt=until)
    rates = rates.filter(hour__gte=until - USUAL, domain__in={key.domain for key in keys})
    wrong = _mistakes(account, until - USUAL)
    found: dict[Key, list[int]] = defaultdict(list)
    for reason, domain, source_id, hour, n in rates.values_list("reason", "domain", "source_id", "hour", "n"):
        if not any(start <= hour + HOUR and hour <= end for start, end in wrong.get(reason, ())):
            found[Key(reason, domain, source_id)].append(n)
    return {key: _usual(sorted(found.get(key, ()), reverse=True), hours) for key in keys}


def _usual(counts: list[int], hours: int) -> Usual:
    """`counts` of the hours that had any, the most first. The others had none."""
    place = hours // 20
    return Usual(counts[place] if place < len(counts) else 0, counts[0] if counts else 0, hours)


def _mistakes(account: Account, since: datetime) -> Mapping[int, list[tuple[datetime, datetime]]]:
    """When there were spikes that nobody called right, by reason."""
    found: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    spikes = Spike.objects.filter(account=account, dismissed_at=None, starts_at__gte=since - HOUR)
    for reason, start, end in spikes.values_list("reason", "starts_at", "ended_at"):
        found[reason].append((start, end or datetime.max.replace(tzinfo=UTC)))
    return found


def forget(now: datetime) -> None:
    """Let go of what nothing is compared with any more."""
    Rate.objects.filter(hour__lt=now - USUAL - 2 * HOUR).delete()

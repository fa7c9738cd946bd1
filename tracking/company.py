"""The opens and clicks of an email, as they are judged in each other's company."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from feeds.events import Kind
from feeds.models import StoredEvent
from feeds.visits import names
from tracking.persons import FACTS, NEIGHBOURS, Visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# From and to, both aware.
type Time = tuple[datetime, datetime]

EVER: Time = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
KINDS = (Kind.OPENED, Kind.MACHINE_OPENED, Kind.CLICKED, Kind.MACHINE_CLICKED)
# A scanner run wild must not make its own judgement last, nor fill the memory: the newest of each email.
MOST = 300
# Only hits of our own links: what a provider says of its visits is its own judgement. Index: the primary key.
NEWEST = """
select e.* from unnest(%s::bigint[]) as i (id) cross join lateral (
    select * from feeds_event
    where email_id = i.id and kind = any(%s) and source_id < 0 and occurred_at between %s and %s
    order by occurred_at desc, key desc limit %s) e
order by e.email_id, e.occurred_at, e.key
"""


def about(times: Sequence[datetime]) -> Time:
    """The time around these in which one visit says something of another."""
    return min(times) - NEIGHBOURS, max(times) + NEIGHBOURS


def of(email_ids: Sequence[int], time: Time) -> Mapping[int, list[StoredEvent]]:
    """The visits of these emails at that time and a little around it, in the order they came."""
    since, until = time if time == EVER else (time[0] - NEIGHBOURS, time[1] + NEIGHBOURS)
    found: dict[int, list[StoredEvent]] = defaultdict(list)
    for event in StoredEvent.objects.raw(NEWEST, [list(email_ids), list(map(int, KINDS)), since, until, MOST]):
        found[event.email_id].append(event)
    return found


def visit_of(event: StoredEvent, *, is_crowded: bool = False) -> Visit:
    """A stored event as it is judged: what only the request knew is among its reasons."""
    facts = {name for name in names(event.comment) if name in FACTS} | ({"crowd"} if is_crowded else set())
    return Visit(event.occurred_at, event.ip, event.user_agent, event.url, frozenset(facts))

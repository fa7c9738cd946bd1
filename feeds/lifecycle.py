"""The one writer of emails and events.

Everything that happens to an email, whoever says so, comes through `record`. Whatever the order, however often, and
however many workers at once: the same events give the same rows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from feeds import bounced, live, staging
from feeds.batch import Batch
from feeds.events import Kind
from suppression import causes as suppressing
from suppression.causes import Cause
from suppression.models import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feeds.events import Arrival

# After these the address must not be mailed; of bounces only after the hard ones (the SQL picks them out).
SUPPRESSING = {Kind.BOUNCED: Reason.HARD_BOUNCE, Kind.SPAM: Reason.SPAM, Kind.UNSUBSCRIBED: Reason.UNSUBSCRIBED}

COUNT_SOURCES = """
insert into feeds_source_hour as h (source_id, starts_at, requests, events, duplicates, waited_ms, late_ms)
select * from json_to_recordset(%s::json) as r (source_id int, starts_at timestamptz, requests bigint, events bigint,
    duplicates bigint, waited_ms bigint, late_ms bigint)
order by 1, 2
on conflict (source_id, starts_at) do update set requests = h.requests + excluded.requests,
    events = h.events + excluded.events, duplicates = h.duplicates + excluded.duplicates,
    waited_ms = h.waited_ms + excluded.waited_ms, late_ms = h.late_ms + excluded.late_ms
"""
COUNTED = ("source_id", "starts_at", "requests", "events", "duplicates", "waited_ms", "late_ms")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a call of `record` was told: events that were new, and those that were known already.

    `ids` has the emails they belong to by (source id, message id, recipient), as far as that was asked for.
    """

    new: int
    duplicates: int
    ids: Mapping[tuple[int, str, str], int]


def record(arrivals: Sequence[Arrival], *, with_ids: bool = False) -> Recorded:
    """Write the events of these arrivals: emails, events, rollups and suppressions, in one transaction.

    With `with_ids` the answer tells the emails' ids, for who writes rows of their own beside them.

    Joins the caller's transaction where there is one, so that a reader can mark its rows done in the same breath.
    Live pages are told after the commit.
    """
    batch = Batch(arrivals)
    new: Mapping[int, int] = {}
    ids: dict[tuple[int, str, str], int] = {}
    with transaction.atomic(savepoint=False), staging.cursor(batch) as cursor:
        if batch.rows:
            staging.fill(cursor, batch)
            staging.place(cursor, batch)
            new, causes, bounces = _write(cursor)
            suppressing.add(causes)
            bounced.tell(bounces)
            if with_ids:
                cursor.execute(staging.IDS)
                ids = {
                    (source_id, message_id, recipient): email_id
                    for source_id, message_id, recipient, email_id in cursor
                }
        _count_sources(cursor, arrivals, new)
        accounts = {arrival.account_id for arrival in arrivals}
        transaction.on_commit(lambda: live.announce(accounts))
    told = sum(len(arrival.events) for arrival in arrivals)
    return Recorded(sum(new.values()), told - sum(new.values()), ids)


def _write(cursor: Any) -> tuple[dict[int, int], list[Cause], list[bounced.Bounced]]:
    """Run the one statement; returns the number of new events per source, what they suppress, and the bounces."""
    cursor.execute(staging.WRITE)
    new, causes, bounces = (json.loads(value or "[]") for value in cursor.fetchone())
    return (
        {int(source_id): n for source_id, n in dict(new).items()},
        [
            suppressing.of_event(
                account_id,
                address,
                SUPPRESSING[kind],
                datetime.fromisoformat(at),
                email_id,
                key,
                source_id=source_id,
                comment=comment,
            )
            for account_id, address, kind, at, email_id, key, source_id, comment in causes
            if address
        ],
        [bounced.Bounced(*row) for row in bounces],
    )


def _count_sources(cursor: Any, arrivals: Sequence[Arrival], new: Mapping[int, int]) -> None:
    """Add to what the sources' pages show: what came in each hour, and how long it waited and had been under way."""
    now = timezone.now()
    hours: dict[tuple[int, datetime], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    told: dict[int, int] = defaultdict(int)
    newest: dict[int, datetime] = {}
    for arrival in arrivals:
        hour = arrival.received_at.replace(minute=0, second=0, microsecond=0)
        late = sum((max(arrival.received_at - e.occurred_at, timedelta()) for e in arrival.events), timedelta())
        row = hours[arrival.source_id, hour]
        row[0] += 1
        row[1] += len(arrival.events)
        row[3] += max(now - arrival.received_at, timedelta()) // timedelta(milliseconds=1)
        row[4] += late // timedelta(milliseconds=1)
        told[arrival.source_id] += len(arrival.events)
        newest[arrival.source_id] = max(newest.get(arrival.source_id, hour), hour)
    for source_id, hour in newest.items():
        hours[source_id, hour][2] = told[source_id] - new.get(source_id, 0)
    if hours:
        rows = [[source_id, hour.isoformat(), *numbers] for (source_id, hour), numbers in hours.items()]
        cursor.execute(COUNT_SOURCES, [json.dumps([dict(zip(COUNTED, row, strict=True)) for row in rows])])

"""Taking back a mistaken unsubscription. It takes back that one, and no other that somebody may have meant.

Whatever the order in which people's hits are read, and however they are grouped, the same unsubscriptions are left:
each of them is an event of its own, and its undoing names it by an event id that follows from it alone.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from feeds.events import Event, Kind
from feeds.models import StoredEvent
from suppression.models import Reason
from suppression.removing import lift
from tracking.hits import What

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tracking.hits import Hit

# So long a mistaken click can be taken back, by who has the page it made.
UNDO = timedelta(hours=1)
# A button that was pressed twice, or a page that was loaded again: what came so shortly before goes along.
AS_ONE = timedelta(minutes=1)
# No part of a key where there is an id.
ANY_TIME = datetime.fromtimestamp(0, UTC)
LEAVING = (What.LEAVE, What.ONE_CLICK)


def key_of(event_id: str, what: What) -> int:
    """The key of the event that a hit of this kind makes."""
    return Event(Kind.UNKNOWN, "", "", ANY_TIME, event_id, str(what)).key()


def event_id_of(hit: Hit) -> str:
    """The id of a hit's event: its own, but where one unsubscription is taken back, that is one fact."""
    return f"undoes {key_of(hit.undoes, What.LEAVE)}" if hit.what == What.RETURN else hit.id


def follow(hits: Sequence[Hit], recipients: Mapping[int, str]) -> None:
    """Take off the list what is taken back: of these hits and the ones around them, whose events are recorded.

    `recipients` are those of the hits' emails. Inside the transaction that holds these emails.
    """
    moved = {hit.email_id: hit.account_id for hit in hits if hit.what in (*LEAVING, What.RETURN)}
    if not moved:
        return
    times = [hit.occurred_at for hit in hits if hit.email_id in moved]
    undone = _undone(moved, min(times) - UNDO - 2 * AS_ONE, max(times) + 2 * AS_ONE)
    for email_id in sorted(undone, key=lambda email_id: (moved[email_id], recipients[email_id], email_id)):
        lift(moved[email_id], recipients[email_id], Reason.UNSUBSCRIBED, email_id, undone[email_id])


def _undone(email_ids: Iterable[int], since: datetime, until: datetime) -> dict[int, set[int]]:
    """The keys of the unsubscriptions in this time that were taken back, by email."""
    ours = StoredEvent.objects.filter(email_id__in=list(email_ids), source_id__lt=0)
    left: dict[int, dict[int, datetime]] = defaultdict(dict)
    gone = ours.filter(kind=Kind.UNSUBSCRIBED, occurred_at__range=(since, until))
    for email_id, key, at in gone.values_list("email_id", "key", "occurred_at"):
        left[email_id][key] = at
    named = {key_of(f"undoes {key}", What.RETURN): key for keys in left.values() for key in keys}
    back = ours.filter(kind=Kind.RESUBSCRIBED, key__in=list(named)).values_list("email_id", "key")
    undone: dict[int, set[int]] = defaultdict(set)
    for email_id, undoing in back:
        taken = left[email_id].get(named[undoing])
        if taken is not None:
            undone[email_id] |= {key for key, at in left[email_id].items() if taken - AS_ONE <= at <= taken}
    return undone

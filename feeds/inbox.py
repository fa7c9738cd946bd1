"""Everything that arrives from outside, stored raw before it is acknowledged, and read in batches afterwards.

Each app registers the reader of its own kind of row. A row that cannot be read stays, marked, until it is read again.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import Max, Min, Q
from django.db.models.aggregates import Count
from django.utils import timezone

from feeds import aliases
from feeds.batch import identity
from feeds.events import Arrival
from feeds.lifecycle import record
from feeds.models import InboxDue, InboxRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from feeds.events import Event
    from feeds.models import StoredEvent

log = structlog.get_logger(__name__)

# One transaction reads at most this much, so its memory and the wait of others have a bound.
BATCH_ROWS, BATCH_BYTES = 1000, 4 * 1024 * 1024
# After the last row a reader stays for this long and looks so many times: who was told "look now" a moment ago is not
# told again, and somebody may be watching.
LINGER_SECONDS, LINGER_LOOKS = 0.2, 5

STORE = """
with stored as (
    insert into feeds_inbox (id, received_at, account_id, source_id, kind, is_test, content_type, headers, body)
    values (feeds_id(%(received_at)s, nextval('feeds_id_seq')), %(received_at)s, %(account_id)s, %(source_id)s,
            %(kind)s, %(is_test)s, %(content_type)s, %(headers)s, %(body)s)
    returning id)
insert into feeds_inbox_due (inbox_id, account_id, source_id, size)
select id, %(account_id)s, %(source_id)s, %(size)s from stored returning inbox_id
"""
# Index: feeds_inbox_due_unread. Rows another worker holds are passed over.
CLAIM = """
select inbox_id, size from feeds_inbox_due where failed_at is null and (not_before is null or not_before <= %s)
order by inbox_id limit %s for update skip locked
"""


class CannotRead(Exception):
    """A stored row cannot be understood. The text says what was expected and what was found."""


class Reader(Protocol):
    """Turns one stored row into events, and raises CannotRead where that is impossible."""

    def __call__(self, row: InboxRow) -> Sequence[Event]: ...


class Sequel(Protocol):
    """Does what follows from the events of rows of one kind, in the order they came; inside the transaction that
    recorded them, and so perhaps again."""

    def __call__(self, read: Sequence[tuple[InboxRow, Sequence[Event]]]) -> None: ...


_readers: dict[str, Reader] = {}
_sequels: dict[str, Sequel] = {}


def register(kind: str, reader: Reader, sequel: Sequel | None = None) -> None:
    """Let `reader` read the rows of this kind. Called once, when the app that stores them is loaded.

    A reader only tells, as it is also asked for display; what is to be done beside recording is the `sequel`'s.
    """
    _readers[kind] = reader
    if sequel is not None:
        _sequels[kind] = sequel


@dataclass(frozen=True, slots=True)
class Incoming:
    """What arrived, and whose it is. Header names are lower case; `received_at` is aware."""

    account_id: int
    source_id: int
    kind: str
    received_at: datetime
    content_type: str
    headers: Mapping[str, str]
    body: bytes
    is_test: bool = False


def store(incoming: Incoming) -> int:
    """Keep this until it is read; returns its id. One statement. Raises django.db.Error where the database is away."""
    with connection.cursor() as cursor:
        cursor.execute(
            STORE,
            {
                "received_at": incoming.received_at,
                "account_id": incoming.account_id,
                "source_id": incoming.source_id,
                "kind": incoming.kind,
                "is_test": incoming.is_test,
                "content_type": incoming.content_type[:200].replace("\0", ""),
                "headers": json.dumps(dict(incoming.headers)).replace("\\u0000", ""),
                "body": incoming.body,
                "size": len(incoming.body),
            },
        )
        (inbox_id,) = cursor.fetchone()
    return int(inbox_id)


def store_failed(incoming: Incoming, error: str) -> None:
    """Keep this, marked from the start as what will not be read."""
    with transaction.atomic():
        _mark_failed({store(incoming): error})


def work(seconds: float = 20) -> int:
    """Read what is due until nothing is, or for about this long; returns how many rows were dealt with."""
    end, done = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        read = _read_batch_safely()
        if not read:
            if not done or not _linger():
                break
            continue
        done += read
    return done


def _linger() -> bool:
    """Whether something more came within the moment a reader waits for it."""
    for _look in range(LINGER_LOOKS):
        time.sleep(LINGER_SECONDS / LINGER_LOOKS)
        if _readable().exists():
            return True
    return False


def _read_batch_safely() -> int:
    """Read one batch; where the database refuses it, row by row, so that one row cannot hold up the others."""
    try:
        return _read_batch(BATCH_ROWS)
    except OperationalError:
        # A deadlock with a stranger, or the database went away: nothing was written, and the next sweep tries again.
        raise
    except DatabaseError as error:
        log.warning("batch_refused", error=str(error).partition("\n")[0])
    return sum(_read_one(inbox_id) for inbox_id in _due_ids(BATCH_ROWS))


def _due_ids(limit: int) -> list[int]:
    return list(_readable().order_by("inbox_id").values_list("inbox_id", flat=True)[:limit])


def _readable() -> QuerySet[InboxDue]:
    """What is to be read now."""
    return InboxDue.objects.filter(Q(not_before=None) | Q(not_before__lte=timezone.now()), failed_at=None)


def _read_one(inbox_id: int) -> int:
    try:
        with transaction.atomic():
            due = _readable().select_for_update(skip_locked=True).filter(inbox_id=inbox_id)
            return _read([inbox_id]) if due.exists() else 0
    except OperationalError:
        raise
    except DatabaseError as error:
        _mark_failed({inbox_id: f"The database refused its events: {str(error).partition(chr(10))[0]}"})
        return 1


@transaction.atomic
def _read_batch(rows: int) -> int:
    """Claim the oldest rows nobody holds and read them, all in one transaction."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [timezone.now(), rows])
        claimed: list[int] = []
        size = 0
        for inbox_id, length in cursor.fetchall():
            size += length
            if claimed and size > BATCH_BYTES:
                break
            claimed.append(inbox_id)
    return _read(claimed)


def _read(claimed: Sequence[int]) -> int:
    """Record the events of these rows; those that were read are due no more, the others are marked."""
    if not claimed:
        return 0
    arrivals: list[Arrival] = []
    failed: dict[int, str] = {}
    read: dict[int, tuple[InboxRow, Sequence[Event]]] = {}
    for row in InboxRow.objects.filter(id__in=claimed).order_by("id"):
        try:
            events = events_of(row)
        except CannotRead as error:
            failed[row.id] = str(error)
        else:
            arrivals.append(Arrival(row.account_id, row.source_id, row.received_at, events, row.id, row.is_test))
            read[row.id] = (row, events)
    now = timezone.now()
    early = aliases.early(arrivals, now)
    if early:
        arrivals = [arrival for arrival in arrivals if arrival.inbox_id not in early]
        InboxDue.objects.filter(inbox_id__in=early).update(not_before=now + aliases.LOOK_AGAIN)
    if arrivals:
        record(arrivals)
    for kind, sequel in _sequels.items():
        if followed := [read[i] for i in read if i not in early and read[i][0].kind == kind]:
            sequel(followed)
    InboxDue.objects.filter(inbox_id__in=[i for i in claimed if i not in failed and i not in early]).delete()
    _mark_failed(failed)
    return len(claimed)


def events_of(row: InboxRow) -> Sequence[Event]:
    """The events a stored row holds. Raises CannotRead, also where the reader itself breaks: the row is kept then."""
    reader = _readers.get(row.kind)
    if reader is None:
        raise CannotRead(f"Nothing here reads rows of the kind “{row.kind}”.")
    try:
        return reader(row)
    except CannotRead:
        raise
    except DatabaseError:
        raise
    except Exception as error:
        log.exception("reader_broke", kind=row.kind, inbox_id=row.id)
        raise CannotRead(f"Reading it failed with {type(error).__name__}; please report this request.") from error


def _mark_failed(errors: Mapping[int, str]) -> None:
    """Keep these rows for a person to look at."""
    now = timezone.now()
    for inbox_id, error in errors.items():
        InboxDue.objects.filter(inbox_id=inbox_id).update(failed_at=now, error=error.replace("\0", "")[:2000])


# ---- What the pages of a source ask -----------------------------------------------------------------------


def failures(source_id: int, before: int | None = None, limit: int = 20) -> list[InboxDue]:
    """Requests of this source that could not be read, newest first, with what was stored."""
    rows = InboxDue.objects.filter(source_id=source_id, failed_at__isnull=False).select_related("inbox")
    if before is not None:
        rows = rows.filter(inbox_id__lt=before)
    return list(rows.order_by("-inbox_id")[:limit])


def read_again(source_id: int, inbox_id: int | None = None) -> int:
    """Put one failed request of this source, or all of them, back into the queue; returns how many."""
    rows = InboxDue.objects.filter(source_id=source_id, failed_at__isnull=False)
    if inbox_id is not None:
        rows = rows.filter(inbox_id=inbox_id)
    return rows.update(failed_at=None, error="", not_before=None)


def last_request_at(source_id: int) -> datetime | None:
    """When this source last sent something. Index: feeds_inbox_source."""
    newest = InboxRow.objects.filter(source_id=source_id).aggregate(newest=Max("id"))["newest"]
    row = InboxRow.objects.only("received_at").filter(id=newest).first()
    return row.received_at if row else None


def waiting(source_id: int) -> tuple[int, datetime | None]:
    """How many requests of this source are still to be read, and when the oldest of them came."""
    rows = InboxDue.objects.filter(source_id=source_id, failed_at=None)
    found = rows.aggregate(count=Count("inbox_id"), oldest=Min("inbox__received_at"))
    return found["count"], found["oldest"]


def _is(event: StoredEvent, told: Event) -> bool:
    """Whether this is what the stored event was made of. A key is only unique within its email.

    The source of an alias has its own id of the message.
    """
    recipient, message_id = identity(told)
    same = message_id == event.email.message_id or event.source_id != event.email.source_id
    return same and (told.key(), recipient) == (event.key, event.email.recipient)


def raw_of(event: StoredEvent) -> str | None:
    """The source's own record of this event, for display; None where the request is not kept any more."""
    if event.inbox_id is None:
        return None
    row = InboxRow.objects.filter(id=event.inbox_id, account_id=event.account_id).first()
    if row is None:
        return None
    try:
        raw = next((told.raw for told in events_of(row) if _is(event, told)), None)
    except CannotRead:
        raw = None
    if raw is None:
        return bytes(row.body).decode(errors="replace")
    return raw if isinstance(raw, str) else json.dumps(raw, indent=2, ensure_ascii=False, default=str)

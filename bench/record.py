"""Events recorded per second, set by set, beside one transaction per event through the ORM."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import batched, count
from typing import TYPE_CHECKING, Any

from bench.people import recipient, sender
from bench.report import Case, Result
from bench.seed import seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feeds.events import Arrival, Event
    from webhooks.models import Source

PER_REQUEST, PER_BATCH = 100, 100  # events in a request, requests in a transaction: as a busy worker reads them
OURS, BASELINE = 200_000, 1_000
# Of ten events one is about an email stored long ago; the others tell three steps of a new email.
OLD_EVERY = 10


def known(source_id: int) -> list[tuple[str, str]]:
    """Message and recipient of emails stored long ago, from all over the table."""
    from feeds.models import Email

    emails = Email.objects.filter(source_id=source_id).exclude(message_id="")
    return list(emails.order_by("message_id").values_list("message_id", "recipient")[: OURS // 2])


def stream(start: int, old: Sequence[tuple[str, str]]) -> Iterator[Event]:
    """Events as a provider sends them: an email's later events come among the first ones of others."""
    from feeds.events import Event, Kind

    now = datetime.now(UTC)
    due: deque[Event] = deque()
    recipients = 2 * len(old)
    for i in count(start):
        to = recipient(i % recipients)
        at = now + timedelta(milliseconds=i % 60_000)
        common: dict[str, Any] = {"message_id": f"new-{i}", "recipient": to, "sender": sender(i)}
        yield Event(Kind.PROCESSED, occurred_at=at, name="processed", subject=f"Your order {i}", **common)
        due.append(Event(Kind.DELIVERED, occurred_at=at + timedelta(seconds=2), name="delivered",
                         comment="250 2.0.0 OK 1465276276 gsmtp", **common))  # fmt: skip
        due.append(Event(Kind.OPENED, occurred_at=at + timedelta(seconds=40), name="open", ip="192.0.2.7",
                         user_agent="Mozilla/5.0 (X11; Linux x86_64)", **common))  # fmt: skip
        if i % (OLD_EVERY // 3) == 0:
            message_id, to = old[i * 31 % len(old)]
            yield Event(Kind.OPENED, message_id, to, at, name="open", ip="192.0.2.9")
        while len(due) > 600:
            yield due.popleft()


def arrivals(source: tuple[int, int], events: Sequence[Event]) -> list[Arrival]:
    from feeds.events import Arrival

    now = datetime.now(UTC)
    return [Arrival(*source, now, group) for group in batched(events, PER_REQUEST)]


def take(n: int, start: int, old: Sequence[tuple[str, str]]) -> list[Event]:
    events = stream(start, old)
    return [next(events) for _ in range(n)]


def record_all(source: tuple[int, int], events: list[Event]) -> float:
    """Seconds it takes to record these events, batch by batch."""
    from feeds.lifecycle import record

    batches = list(batched(arrivals(source, events), PER_BATCH))
    begin = time.perf_counter()
    for batch in batches:
        record(batch)
    return time.perf_counter() - begin


def _worker(source: tuple[int, int], start: int, ready: Any, seconds: Any) -> None:
    import django

    django.setup()
    events = take(OURS // 2, start, known(source[1]))
    record_all(source, events[:1000])
    ready.wait()
    seconds.put(record_all(source, events[1000:]))


def two_workers(source: tuple[int, int]) -> float:
    """Events per second of two processes at once, each with its own events of the same source."""
    spawn = multiprocessing.get_context("spawn")
    ready, seconds = spawn.Barrier(2), spawn.Queue()
    crew = [spawn.Process(target=_worker, args=(source, 10_000_000 * n, ready, seconds), daemon=True) for n in (2, 3)]
    for process in crew:
        process.start()
    slowest: float = max(seconds.get(timeout=120) for _ in crew)
    for process in crew:
        process.join()
    return (OURS - 2000) / slowest


def through_the_orm(source: Source, events: list[Event]) -> float:
    """Seconds it takes to handle these events as a plain Django application does: one by one, each in a transaction."""
    begin = time.perf_counter()
    for n, event in enumerate(events):
        _one(source, event, n)
    return time.perf_counter() - begin


def _one(source: Source, event: Event, n: int) -> None:
    from django.db import transaction
    from django.db.models import F
    from django.utils import timezone

    from feeds.events import Kind
    from feeds.models import Email, Rollup, StoredEvent, id_at

    now = timezone.now()
    with transaction.atomic():
        to, writer = _address(source, event.recipient), _address(source, event.sender or sender(0))
        email, _made = Email.objects.select_for_update().get_or_create(
            account_id=source.account_id, recipient_id=to.id, message_id=event.message_id,
            defaults={
                "id": id_at(now) + n, "source_id": source.id, "sender_id": writer.id, "status": 0, "bounce": 0,
                "is_test": False, "opens": 0, "clicks": 0, "machine_opens": 0, "machine_clicks": 0, "deferrals": 0,
                "sender": writer.addr, "recipient": to.addr, "subject": event.subject, "argument": "", "tags": [],
                "comment": "", "code": "", "first_at": event.occurred_at, "last_at": event.occurred_at,
                "updated_at": now,
            },
        )  # fmt: skip
        _stored, new = StoredEvent.objects.get_or_create(
            email_id=email.id, key=event.key(),
            defaults={
                "account_id": source.account_id, "source_id": source.id, "kind": event.kind, "bounce": event.bounce,
                "occurred_at": event.occurred_at, "received_at": now, "name": event.name, "code": event.code,
                "comment": event.comment, "url": event.url, "ip": event.ip, "user_agent": event.user_agent,
            },
        )  # fmt: skip
        if not new:
            return
        email.status = max(email.status, int(event.kind))
        email.opens += event.kind == Kind.OPENED
        email.comment = event.comment or email.comment
        email.last_at, email.updated_at = max(email.last_at, event.occurred_at), now
        email.save(update_fields=["status", "opens", "comment", "last_at", "updated_at"])
        quarter = event.occurred_at.replace(minute=event.occurred_at.minute // 15 * 15, second=0, microsecond=0)
        rollup = {"account_id": source.account_id, "starts_at": quarter, "kind": event.kind}
        if not Rollup.objects.filter(**rollup).update(events=F("events") + 1):
            Rollup.objects.create(**rollup, events=1, emails=1)


def _address(source: Source, addr: str) -> Any:
    from feeds.models import Address, Domain

    local, _at, name = addr.rpartition("@")
    domain, _made = Domain.objects.get_or_create(name=name)
    address, _made = Address.objects.get_or_create(
        account_id=source.account_id, addr=addr, defaults={"domain": domain, "local": local}
    )
    return address


def run(emails: int) -> Result:
    """Record events into a database that holds this many emails; baseline and ours in turn, twice."""
    source = seed(emails)
    ids, old = (source.account_id, source.id), known(source.id)
    record_all(ids, take(5_000, 90_000_000, old))  # plans, caches and temporary tables are there
    ours, baseline = [], []
    for turn in (1, 2):
        baseline.append(BASELINE / through_the_orm(source, take(BASELINE, 50_000_000 + turn * BASELINE, old)))
        ours.append(OURS / record_all(ids, take(OURS, 10_000_000 * turn + 70_000_000, old)))
    replayed = take(OURS // 4, 10_000_000 + 70_000_000, old)
    one, orm = max(ours), max(baseline)
    return Result(
        name="record", emails=emails, ratio=one / orm, per_second=one,
        cases=[
            Case("one transaction per event, ORM", per_second=orm),
            Case("record(), 1 worker", per_second=one, ratio=one / orm),
            Case("record(), 2 workers", per_second=(two := two_workers(ids)), ratio=two / orm),
            Case("record() of known events, 1 worker", per_second=len(replayed) / record_all(ids, replayed)),
        ],
    )  # fmt: skip

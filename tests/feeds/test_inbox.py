from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError

from feeds import inbox, lifecycle, spool
from feeds.events import Event
from feeds.inbox import CannotRead, Incoming
from feeds.models import Email, InboxDue, InboxRow, SourceHour, StoredEvent
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db


def one_event_a_line(row: InboxRow) -> Sequence[Event]:
    """A reader for tests: each line is a recipient; some lines are trouble."""
    recipients = bytes(row.body).decode().split()
    if "unreadable" in recipients:
        raise CannotRead("A line says unreadable.")
    if "broken" in recipients:
        raise ZeroDivisionError
    events = [make.event(recipient=recipient, raw={"line": recipient}) for recipient in recipients]
    for event in events:
        if event.recipient == "refused":
            event.occurred_at = "no time"  # type: ignore[assignment]
    return events


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)
    inbox.register("lines", one_event_a_line)
    yield make.source(make.account())
    del inbox._readers["lines"]


def came(source: Source, text: str, kind: str = "lines") -> Incoming:
    return Incoming(source.account_id, source.id, kind, NOON, "text/plain", {"x": "y\0"}, text.encode())


def recipients() -> list[str]:
    return sorted(Email.objects.values_list("recipient", flat=True))


def test_what_is_stored_is_read_once_and_kept_as_it_came(source: Source) -> None:
    inbox.store(came(source, "bob@x.test ann@x.test"))
    assert (inbox.work(), inbox.work()) == (1, 0)
    assert recipients() == ["ann@x.test", "bob@x.test"]
    row = InboxRow.objects.get()
    assert (bytes(row.body), row.received_at) == (b"bob@x.test ann@x.test", NOON)
    assert not InboxDue.objects.exists()


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        ("unreadable", "lines", "A line says unreadable."),
        ("broken", "lines", "Reading it failed with ZeroDivisionError"),
        ("bob@x.test", "strange", "Nothing here reads rows of the kind “strange”."),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_and_marked_and_the_others_go_on(
    source: Source, text: str, kind: str, error: str
) -> None:
    for incoming in (came(source, "a@x.test"), came(source, text, kind), came(source, "b@x.test")):
        inbox.store(incoming)
    inbox.work()
    assert recipients() == ["a@x.test", "b@x.test"]
    (failure,) = inbox.failures(source.id)
    assert failure.error.startswith(error)
    assert bytes(failure.inbox.body) == text.encode()


def test_a_row_the_database_refuses_does_not_hold_up_the_others(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = lifecycle.record

    def refusing(arrivals: Sequence[object]) -> object:
        if any("poison" in str(arrival) for arrival in arrivals):
            raise DatabaseError("value out of range")
        return record(arrivals)  # type: ignore[arg-type]

    monkeypatch.setattr(inbox, "record", refusing)
    for text in ("a@x.test", "poison@x.test", "b@x.test"):
        inbox.store(came(source, text))
    inbox.work()
    assert recipients() == ["a@x.test", "b@x.test"]
    assert inbox.failures(source.id)[0].error == "The database refused its events: value out of range"


def test_failed_rows_are_read_again_on_request_one_or_all(source: Source) -> None:
    for _ in range(3):
        inbox.store(came(source, "bob@x.test", kind="later"))
    inbox.work()
    inbox.register("later", one_event_a_line)
    try:
        first = inbox.failures(source.id)[-1].inbox_id
        assert inbox.read_again(make.source(source.account).id, first) == 0
        assert inbox.read_again(source.id, first) == 1
        inbox.work()
        assert (len(inbox.failures(source.id)), recipients()) == (2, ["bob@x.test"])
        assert inbox.read_again(source.id) == 2
        inbox.work()
        assert (inbox.failures(source.id), StoredEvent.objects.count()) == ([], 1)
    finally:
        del inbox._readers["later"]


def test_a_source_shows_what_came_what_waits_and_what_was_known_already(source: Source) -> None:
    assert (inbox.last_request_at(source.id), inbox.waiting(source.id)) == (None, (0, None))
    for _ in range(2):
        inbox.store(came(source, "bob@x.test"))
    assert (inbox.last_request_at(source.id), inbox.waiting(source.id)) == (NOON, (2, NOON))
    inbox.work()
    hour = SourceHour.objects.get()
    assert (hour.starts_at, hour.requests, hour.events, hour.duplicates) == (NOON, 2, 2, 1)


def test_large_batches_are_read_in_parts_of_bounded_size(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "BATCH_BYTES", 25)
    for n in range(5):
        inbox.store(came(source, f"r{n}@example.com"))
    assert inbox._read_batch(1000) == 1
    assert inbox.work() == 4


def test_an_event_shows_the_sources_own_record_of_it_as_long_as_that_is_kept(source: Source) -> None:
    inbox.store(came(source, "bob@x.test ann@x.test"))
    inbox.work()
    event = StoredEvent.objects.get(email__recipient="ann@x.test")
    assert inbox.raw_of(event) == '{\n  "line": "ann@x.test"\n}'
    InboxRow.objects.all().delete()
    assert inbox.raw_of(event) is None


def test_the_spool_gives_back_what_was_put_in_oldest_first_and_once(
    source: Source, settings: object, tmp_path: Path
) -> None:
    settings.LIVEFEEDS_HOME = tmp_path  # type: ignore[attr-defined]
    later = Incoming(1, 2, "lines", NOON + timedelta(seconds=1), "text/plain", {"a": "b"}, b"\x00\xffsecond", True)
    first = came(source, "first")
    spool.keep(later)
    spool.keep(first)
    got: list[Incoming] = []
    assert spool.read_in(got.append) == 2
    assert got == [first, later]
    assert spool.read_in(got.append) == 0


def test_what_cannot_be_stored_stays_in_the_spool(settings: object, tmp_path: Path) -> None:
    settings.LIVEFEEDS_HOME = tmp_path  # type: ignore[attr-defined]
    spool.keep(Incoming(1, 2, "lines", NOON, "", {}, b"kept"))
    (tmp_path / "spool" / "0-torn.json").write_text("{half")

    def away(incoming: Incoming) -> None:
        raise DatabaseError

    with pytest.raises(DatabaseError):
        spool.read_in(away)
    got: list[Incoming] = []
    assert spool.read_in(got.append) == 1
    assert [path.name for path in (tmp_path / "spool").glob("*.unreadable")] == ["0-torn.unreadable"]


@pytest.mark.django_db(transaction=True)
def test_what_the_database_refuses_even_to_mark_is_set_aside(settings: object, tmp_path: Path) -> None:
    settings.LIVEFEEDS_HOME = tmp_path  # type: ignore[attr-defined]
    spool.keep(Incoming(1, 2**40, "lines", NOON, "", {}, b"refused"))
    spool.keep(Incoming(1, 2, "lines", NOON + timedelta(seconds=1), "", {}, b"kept"))
    assert spool.read_in(inbox.store) == 1
    assert bytes(InboxRow.objects.get().body) == b"kept"
    (refused,) = (tmp_path / "spool").glob("*.refused")
    assert spool._read(refused).body == b"refused"
    assert spool.read_in(inbox.store) == 0

"""Captured requests posted to sources of their providers: what the feed holds afterwards is what they say, once."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from feeds import inbox
from feeds.events import Bounce, Event, Kind
from feeds.models import Email, StoredEvent
from suppression.models import Suppression
from tests import make
from tests.webhooks.providers.test_corpus import FOLDER, captured, compare, posted
from webhooks import endpoint, sources
from webhooks.models import Source
from webhooks.requests import RawRequest

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not FOLDER.exists(), reason=f"{FOLDER} is not here"),
]


class Clock(threading.local):
    """The time at the endpoint, for each sender the one at which its request was captured."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class Capture:
    """A captured request and where it is posted: signatures that are gone were made anew."""

    name: tuple[str, str]
    request: RawRequest
    at: datetime
    wanted: list[dict[str, Any]]
    source: Source


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(endpoint, "timezone", clock)
    monkeypatch.setattr(sources, "_known", {})
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)
    return clock


def captures() -> list[Capture]:
    """Each in an account of its own, as several of them are about the same message."""
    found = []
    for parameter in captured():
        slug, entry = parameter.values[0]
        if entry["http_status"] == 200 and entry["normalized"]:
            request, secrets, at = posted(slug, entry)
            source = make.source(make.account(), slug, secrets=secrets)
            found.append(Capture((slug, entry["case"].partition(".")[2]), request, at, entry["normalized"], source))
    return found


def send(clock: Clock, capture: Capture) -> int:
    clock.moment = capture.at
    headers = {name: value for name, value in capture.request.headers.items() if name != "content-type"}
    answer = Client(headers=headers).post(
        f"/in/{capture.source.token}", capture.request.body, content_type=capture.request.content_type
    )
    return answer.status_code


def rows(captures: list[Capture]) -> list[Any]:
    return [_rows(capture.source) for capture in captures]


def _rows(source: Source) -> tuple[list[Any], ...]:
    events = StoredEvent.objects.filter(source_id=source.id).order_by("key")
    emails = Email.objects.filter(source_id=source.id).order_by("recipient")
    suppressed = Suppression.objects.filter(account=source.account).order_by("target")
    return (
        list(events.values_list("key", "kind", "bounce")),
        list(emails.values_list("recipient", "status", "opens", "clicks", "comment", "first_at")),
        list(suppressed.values_list("target", "reason")),
    )


def stored(capture: Capture) -> list[Event]:
    rows = StoredEvent.objects.filter(source_id=capture.source.id).select_related("email")
    return [
        Event(Kind(row.kind), row.email.message_id, row.email.recipient, row.occurred_at, comment=row.comment,
              bounce=Bounce(row.bounce))
        for row in rows
    ]  # fmt: skip


def is_one_of(event: Event, capture: Capture) -> bool:
    for wanted in capture.wanted:
        try:
            compare(capture.name, event, {**wanted, "recipient": (wanted.get("recipient") or "").lower()})
        except AssertionError:
            continue
        return True
    return False


def test_each_gives_the_events_it_holds_and_three_times_by_four_senders_the_same(clock: Clock) -> None:
    once, thrice = captures(), captures()
    assert len(once) > 80
    assert {send(clock, capture) for capture in once} == {200}
    inbox.work()
    for capture in once:
        found = stored(capture)
        assert len(found) == len(capture.wanted), capture.name
        assert all(is_one_of(event, capture) for event in found), capture.name

    def send_and_read(capture: Capture) -> int:
        try:
            status = send(clock, capture)
            inbox.work()
            return status
        finally:
            connection.close()

    told = thrice * 3
    random.Random(3).shuffle(told)
    with ThreadPoolExecutor(4) as senders:
        assert set(senders.map(send_and_read, told)) == {200}
    inbox.work()
    assert rows(thrice) == rows(once)

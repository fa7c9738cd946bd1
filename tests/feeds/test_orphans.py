"""What could not be placed, at the door."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Role
from feeds import inbox
from feeds.events import Kind
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from webhooks import intake
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


def tell(source: Source, kind: Kind, recipient: str = "bob@example.com", ago: float = 60, **fields: Any) -> Email:
    at = timezone.now() - timedelta(seconds=ago)
    event = make.event(kind, recipient, **{"message_id": f"m-{recipient}", "occurred_at": at, **fields})
    record([make.arrival(source, event, received_at=at)])
    return Email.objects.filter(account_id=source.account_id, recipient=recipient).latest("id")


def text(response: Any) -> str:
    return " ".join(str(response.content.decode()).split())


def test_where_all_was_understood_it_says_so(client: Client, acme: Account, src: Source) -> None:
    tell(src, Kind.DELIVERED)
    words = text(client.get(f"/a/{acme.slug}/orphans/"))
    assert "every event so far was understood" in words
    assert "every event so far named its message" in words
    assert "bob@example.com" not in words


def test_an_unknown_event_is_listed_with_its_word_its_source_and_its_record(
    client: Client, acme: Account, src: Source
) -> None:
    email = tell(src, Kind.UNKNOWN, name="email.teleported")
    key = email.events.get().key
    words = text(client.get(f"/a/{acme.slug}/orphans/"))
    for part in (
        "email.teleported",
        "plain source",
        "bob@example.com",
        f'href="/a/{acme.slug}/emails/{email.id}/#event{key}"',
        f'href="/a/{acme.slug}/emails/{email.id}/events/{key}/"',
        "report it together with its original record",
    ):
        assert part in words


def test_an_orphan_is_listed_with_what_it_says(client: Client, acme: Account, src: Source) -> None:
    email = tell(src, Kind.SPAM, "ann@example.com", message_id="", name="complaint")
    words = text(client.get(f"/a/{acme.slug}/orphans/"))
    for part in ("Reported as spam", "complaint", "ann@example.com", f'href="/a/{acme.slug}/emails/{email.id}/"'):
        assert part in words


def test_the_words_of_unknown_events_are_counted(client: Client, acme: Account, src: Source) -> None:
    for n in range(3):
        tell(src, Kind.UNKNOWN, f"p{n}@example.com", name="often")
    tell(src, Kind.UNKNOWN, "p9@example.com", name="once")
    response = client.get(f"/a/{acme.slug}/orphans/")
    assert response.context["words"] == [("plain source", "often", 3), ("plain source", "once", 1)]


def test_both_lists_go_on_from_where_they_end(client: Client, acme: Account, src: Source) -> None:
    now = timezone.now()
    events = [
        make.event(
            Kind.UNKNOWN,
            f"p{n % 3}@example.com",
            message_id=f"m{n % 3}",
            name=f"word-{n}",
            occurred_at=now - timedelta(minutes=n),
        )
        for n in range(30)
    ]
    lost = [
        make.event(Kind.SPAM, f"o{n}@example.com", message_id="", occurred_at=now - timedelta(minutes=n))
        for n in range(30)
    ]
    record([make.arrival(src, *events, *lost, received_at=now)])
    page = f"/a/{acme.slug}/orphans/"
    first = client.get(page)
    assert (len(first.context["events"]), len(first.context["emails"])) == (25, 25)
    more = client.get(f"{page}?events_before={first.context['events_older']}")
    names = [event.name for event, _source in (*first.context["events"], *more.context["events"])]
    assert sorted(names) == sorted(f"word-{n}" for n in range(30))
    more = client.get(f"{page}?emails_before={first.context['emails_older']}")
    found = [email.recipient for email, _event, _source in (*first.context["emails"], *more.context["emails"])]
    assert found == [f"o{n}@example.com" for n in range(30)]


@pytest.mark.parametrize(
    "place", ["x", "1", "1.", ".1", "1.x", "-1.5", f"{2**63}.1", f"1.{2**63}", "1.--5", "².", "9" * 60]
)
@pytest.mark.parametrize("name", ["events_before", "emails_before"])
def test_a_broken_place_is_no_error(client: Client, acme: Account, src: Source, name: str, place: str) -> None:
    tell(src, Kind.UNKNOWN)
    assert client.get(f"/a/{acme.slug}/orphans/", {name: place}).status_code == 200


def test_another_account_does_not_exist_and_nothing_of_it_is_shown(client: Client, acme: Account) -> None:
    other = make.source(make.account("Other"))
    tell(other, Kind.UNKNOWN, name="secret-word")
    tell(other, Kind.SPAM, "ann@example.com", message_id="")
    assert client.get(f"/a/{other.account.slug}/orphans/").status_code == 404
    words = text(client.get(f"/a/{acme.slug}/orphans/"))
    assert "secret-word" not in words
    assert "ann@example.com" not in words


def test_a_word_nobody_knows_comes_from_the_road_to_the_page(client: Client, acme: Account, src: Source) -> None:
    now = timezone.now()
    body = {"event": "teleported", "message_id": "m1", "recipient": "bob@example.com", "occurred_at": now.isoformat()}
    inbox.store(inbox.Incoming(acme.id, src.id, intake.KIND, now, "application/json", {}, json.dumps(body).encode()))
    inbox.work()
    [(event, _source)] = client.get(f"/a/{acme.slug}/orphans/").context["events"]
    assert event.name == "teleported"
    assert "teleported" in text(client.get(f"/a/{acme.slug}/emails/{event.email_id}/events/{event.key}/"))


@pytest.mark.parametrize("page", ["sources/", "statuses/"])
def test_the_page_is_found_from_where_people_look(client: Client, acme: Account, src: Source, page: str) -> None:
    assert f'href="/a/{acme.slug}/orphans/"' in text(client.get(f"/a/{acme.slug}/{page}"))

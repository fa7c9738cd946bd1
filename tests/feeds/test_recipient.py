"""The history of one recipient, at the door."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Role
from feeds.events import Bounce, Kind
from feeds.lifecycle import record
from feeds.models import Email
from suppression.models import Origin, Reason
from tests import make
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


def send(source: Source, recipient: str, n: int = 0, kind: Kind = Kind.DELIVERED, **fields: Any) -> Email:
    """The email number n to this address, n minutes ago."""
    at: datetime = timezone.now() - timedelta(minutes=n)
    event = make.event(kind, recipient, message_id=f"{recipient}-{n}", occurred_at=at, **fields)
    record([make.arrival(source, event, received_at=at)])
    return Email.objects.get(account_id=source.account_id, message_id=event.message_id)


def text(response: Any) -> str:
    return " ".join(str(response.content.decode()).split())


def address(account: Account, recipient: str) -> str:
    return f"/a/{account.slug}/recipients/{quote(recipient)}/"


def test_it_lists_all_emails_to_an_address_and_no_others(client: Client, acme: Account, src: Source) -> None:
    send(src, "bob@example.com", 2, subject="The older one")
    send(src, "bob@example.com", 1, subject="The newer one", kind=Kind.OPENED)
    send(src, "rob@example.com", subject="Not for Bob")
    send(make.source(make.account("Other")), "bob@example.com", subject="Of another account")
    response = client.get(address(acme, "Bob@Example.com"))
    words = text(response)
    assert words.index("The newer one") < words.index("The older one")
    assert "Not for Bob" not in words
    assert "Of another account" not in words
    assert "2 emails" in words
    assert [(status.name, count) for status, count in response.context["totals"].by_status] == [
        ("DELIVERED", 1),
        ("OPENED", 1),
    ]


@pytest.mark.parametrize("recipient", ["a+tag@example.com", "we/ird?#%@example.com", "ünï@example.com", "no address"])
def test_any_address_has_a_page_its_email_leads_to(client: Client, acme: Account, src: Source, recipient: str) -> None:
    email = send(src, recipient)
    response = client.get(f"/a/{acme.slug}/emails/{email.id}/")
    [link] = [part.split('"')[0] for part in text(response).split('href="') if "/recipients/" in part]
    assert "1 email" in text(client.get(link))


def test_a_suppressed_address_says_why_since_when_and_which_event_proves_it(
    client: Client, acme: Account, src: Source
) -> None:
    assert "The address is not on the suppression list." in text(
        client.get(address(acme, send(src, "ok@example.com").recipient))
    )
    email = send(src, "gone@example.com", kind=Kind.BOUNCED, bounce=Bounce.HARD)
    words = text(client.get(address(acme, "gone@example.com")))
    assert "No: suppressed" in words
    assert "Hard bounce, since" in words
    assert f'href="/a/{acme.slug}/emails/{email.id}/#event{email.events.get().key}"' in words


def test_a_suppression_outlives_its_emails_and_says_so(client: Client, acme: Account) -> None:
    make.suppression(acme, "old@example.com", reason=Reason.SPAM, origin=Origin.EVENT, email_id=7, event_key=7)
    make.suppression(acme, "old@example.com")
    words = text(client.get(address(acme, "old@example.com")))
    assert "The event that caused it is no longer kept." in words
    assert "Manual, since" in words
    assert "0 emails" in words


def test_the_list_of_another_account_says_nothing_here(client: Client, acme: Account, src: Source) -> None:
    other = make.account("Other")
    make.suppression(other, reason=Reason.SPAM, origin=Origin.EVENT, email_id=1, event_key=1)
    assert client.get(address(acme, "bob@example.com")).status_code == 404
    send(src, "bob@example.com")
    assert "The address is not on the suppression list." in text(client.get(address(acme, "bob@example.com")))


@pytest.mark.parametrize("slug", ["own", "other"])
def test_an_address_of_another_account_is_not_found(client: Client, acme: Account, slug: str) -> None:
    other = make.account("Other")
    send(make.source(other), "bob@example.com")
    assert client.get(address(acme if slug == "own" else other, "bob@example.com")).status_code == 404


def test_pages_lead_to_older_emails_and_back_at_a_constant_number_of_queries(
    client: Client, acme: Account, src: Source
) -> None:
    now = timezone.now()
    send(src, "bob@example.com")
    client.get(address(acme, "bob@example.com"))
    with CaptureQueriesContext(connection) as one:
        client.get(address(acme, "bob@example.com"))
    events = [
        make.event(
            recipient="bob@example.com", message_id=f"m{n}", occurred_at=now - timedelta(minutes=n), subject=f"No. {n}."
        )
        for n in range(1, 60)
    ]
    record([make.arrival(src, *events, received_at=now)])
    with CaptureQueriesContext(connection) as many:
        first = client.get(address(acme, "bob@example.com"))
    assert len(many) == len(one)
    older = first.context["older"]
    second = client.get(f"{address(acme, 'bob@example.com')}?before={older}")
    assert text(first).count("<tr id=") == 50
    assert text(second).count("<tr id=") == 10
    assert "No. 59." in text(second)
    assert "Newest emails" in text(second)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 19, "9" * 40, "²", ""])
def test_a_broken_place_in_the_list_is_no_error(client: Client, acme: Account, src: Source, before: str) -> None:
    send(src, "bob@example.com")
    assert client.get(f"{address(acme, 'bob@example.com')}?before={before}").status_code == 200

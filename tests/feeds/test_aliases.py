from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from delivery.models import Transport, source_of
from feeds import aliases, inbox
from feeds.events import Arrival, Kind
from feeds.lifecycle import record
from feeds.models import Email, InboxDue, StoredEvent
from tests import make
from webhooks import intake
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def provider(acme: Account) -> Source:
    """The webhook of a provider that the account sends through."""
    source = make.source(acme)
    Transport.objects.create(account=acme, name="P", kind="provider", provider="postmark", source_id=source.pk)
    return source


def ours(acme: Account, *events: Any) -> Arrival:
    return Arrival(acme.pk, source_of(acme.pk), timezone.now(), list(events))


def sent(acme: Account) -> int:
    """An email that is sent from here; its id."""
    event = make.event(Kind.SENT, "Bob@example.com", message_id="uid-1", sender="news@acme.test", tags=["spring"])
    record([ours(acme, event)])
    return Email.objects.get().pk


def posted(source: Source, ago: float = 0, message_id: str = "pm-1") -> None:
    """The provider tells of a delivery."""
    at = timezone.now() - timedelta(seconds=ago)
    told = {
        "event": "delivered",
        "message_id": message_id,
        "recipient": "bob@example.com",
        "occurred_at": at.isoformat(),
    }
    body = json.dumps(told).encode()
    inbox.store(inbox.Incoming(source.account_id, source.pk, intake.KIND, at, "application/json", {}, body))


def test_what_the_provider_says_is_about_the_email_that_was_sent(acme: Account, provider: Source) -> None:
    email_id = sent(acme)
    assert aliases.alias([(provider.pk, "pm-1", "BOB@example.com ", email_id)]) == 1
    assert aliases.alias([(provider.pk, "pm-1", "bob@example.com", email_id)]) == 0
    posted(provider)
    inbox.work()
    email = Email.objects.get()
    assert (email.pk, email.status, email.message_id) == (email_id, Kind.DELIVERED, "uid-1")
    assert email.source_id == source_of(acme.pk)
    event = StoredEvent.objects.get(email_id=email_id, kind=Kind.DELIVERED)
    assert event.source_id == provider.pk
    assert "pm-1" in (inbox.raw_of(event) or "")


def test_an_event_that_comes_before_the_email_is_named_waits_for_it(
    acme: Account, provider: Source, time_machine: Any
) -> None:
    time_machine.move_to(make.NOON, tick=False)
    email_id = sent(acme)
    posted(provider)
    inbox.work()
    assert InboxDue.objects.count() == 1
    assert Email.objects.get().status == Kind.SENT
    aliases.alias([(provider.pk, "pm-1", "bob@example.com", email_id)])
    inbox.work()
    assert InboxDue.objects.count() == 1
    time_machine.shift(aliases.LOOK_AGAIN)
    inbox.work()
    assert InboxDue.objects.count() == 0
    assert Email.objects.get().status == Kind.DELIVERED


def test_an_email_that_somebody_else_sent_through_the_provider_is_shown_a_little_later(
    acme: Account, provider: Source, time_machine: Any
) -> None:
    time_machine.move_to(make.NOON, tick=False)
    posted(provider, message_id="other")
    inbox.work()
    assert not Email.objects.exists()
    time_machine.shift(aliases.PATIENCE)
    inbox.work()
    assert Email.objects.get().message_id == "other"


def test_rows_that_wait_hold_up_no_other_rows(acme: Account, provider: Source) -> None:
    other = make.source(acme)
    posted(provider, message_id="unknown")
    posted(other, message_id="known")
    assert inbox.work() == 2
    assert [email.message_id for email in Email.objects.all()] == ["known"]
    assert inbox.work() == 0


def test_sources_nobody_sends_through_wait_for_nothing(acme: Account) -> None:
    posted(make.source(acme))
    inbox.work()
    assert Email.objects.get().status == Kind.DELIVERED


def test_one_email_told_of_under_two_names_at_once_is_one(acme: Account, provider: Source) -> None:
    email_id = sent(acme)
    aliases.alias([(provider.pk, "pm-1", "bob@example.com", email_id)])
    at = make.NOON + timedelta(minutes=1)
    opened = make.event(Kind.OPENED, "bob@example.com", message_id="uid-1", occurred_at=at, tags=["a"])
    delivered = make.event(
        Kind.DELIVERED, "bob@example.com", message_id="pm-1", occurred_at=at, tags=["b"], subject="Hello"
    )
    record([ours(acme, opened), make.arrival(provider, delivered)])
    email = Email.objects.get()
    assert (email.pk, email.status, email.opens, email.subject) == (email_id, Kind.OPENED, 1, "Hello")
    assert email.tags == ["a", "b", "spring"]
    assert StoredEvent.objects.filter(email_id=email_id).count() == 3

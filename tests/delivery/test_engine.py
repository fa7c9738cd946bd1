"""From the queue to a mail server and back into the feed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Account
from delivery.models import Attempt, Outgoing, Verdict
from feeds.events import Status
from tests import make
from tests.delivery.engine import email, mailer, place, send_all, told
from tests.sinks import Sink, sink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    account = make.account()
    make.sender_domain(account)
    return account


@pytest.fixture
def mx(settings: Any) -> Iterator[Sink]:
    with sink() as made:
        settings.MX_ROUTES = {"*": ("127.0.0.1", made.port)}
        yield made


def test_an_email_is_delivered_with_the_words_of_the_server(account: Account, mx: Sink) -> None:
    place(account, "bob@example.com")
    with mailer() as ours:
        send_all(ours)
    (message,) = mx.messages
    assert message.recipients == ["bob@example.com"]
    bob = email("bob@example.com")
    assert (bob.status, bob.comment) == (Status.DELIVERED, "250 2.0.0 OK queued as 4cX1bF")
    assert told("bob@example.com") == ["processed", "delivered"]
    assert not Outgoing.objects.exists()
    attempt = Attempt.objects.get()
    assert (attempt.email_id, attempt.number, attempt.verdict, attempt.final) == (bob.id, 1, Verdict.DELIVERED, True)
    assert any(line["said"].startswith("RCPT TO:<bob@example.com>") for line in attempt.conversation)

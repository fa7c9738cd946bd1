"""All the way: what pepipost 5.0.0 for Python sends arrives at a mail server, and the feed tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Account
from feeds.events import Status
from feeds.models import Email
from tests.delivery.engine import mailer, send_all, told
from tests.delivery.v5.asking import key, post
from tests.sinks import Sink, sink

pytestmark = pytest.mark.django_db(transaction=True)
BODY = (Path(__file__).parents[2] / "fixtures" / "v5" / "pepipost-python-5.0.0.json").read_bytes()


@pytest.fixture
def mx(settings: Any, reachable: None) -> Iterator[Sink]:
    with sink(replies={}) as made:
        settings.MX_ROUTES = {"*": ("127.0.0.1", made.port)}
        yield made


def test_a_message_of_the_published_client_arrives_as_it_was_meant(account: Account, mx: Sink) -> None:
    answer = post(key(account), BODY, "application/json; charset=utf-8")
    assert answer.status_code == 202
    with mailer() as ours:
        send_all(ours)

    arrived = {message.recipients[0]: message.parsed for message in mx.messages}
    assert set(arrived) == {"ann@example.com", "bob@example.com", "cc@example.com"}
    assert len(mx.messages) == 3
    for recipient, mail in arrived.items():
        assert (mail["From"], mail["Reply-To"]) == ("Acme <news@acme.test>", "re@acme.test")
        assert (mail["To"], mail["Cc"]) == ("Ann <ann@example.com>, Bob <bob@example.com>", "C <cc@example.com>")
        assert mail["Subject"] == "Hello Ann"
        html = mail.get_body(("html",))
        assert html is not None
        assert "<p>Hi Ann</p>" in html.get_content()
        (file,) = mail.iter_attachments()
        assert (file.get_filename(), file.get_content()) == ("a.txt", "hello")
        email = Email.objects.get(recipient=recipient)
        assert mail["Message-ID"] == f"<{email.header_id}>"
        assert (email.status, email.tags, email.subject) == (Status.DELIVERED, ["t1", "t2"], "Hello Ann")
        assert email.argument == ("" if recipient == "cc@example.com" else '{"order":7}')
        assert told(recipient) == ["processed", "delivered"]


def test_every_copy_of_a_message_to_the_same_address_is_an_email_of_its_own(account: Account, mx: Sink) -> None:
    body = {
        "from": {"email": "news@acme.test"}, "subject": "No. [%N%]", "content": [{"type": "text", "value": "x"}],
        "personalizations": [{"to": [{"email": "bob@example.com"}], "attributes": {"N": n}} for n in (1, 2, 3)],
    }  # fmt: skip
    assert post(key(account), body).status_code == 202
    with mailer() as ours:
        send_all(ours)

    emails = {email.subject: email for email in Email.objects.all()}
    assert {email.status for email in emails.values()} == {Status.DELIVERED}
    assert {message.parsed["Subject"]: message.parsed["Message-ID"] for message in mx.messages} == {
        f"No. {n}": f"<{emails[f'No. {n}'].header_id}>" for n in (1, 2, 3)
    }


def test_attributes_stand_in_headers_too_and_cannot_add_one(account: Account, mx: Sink) -> None:
    group = {
        "to": [{"email": "bob@example.com"}], "attributes": {"ID": "7\r\nBcc: eve@example.com\r\n\r\nx"},
        "headers": {"X-Order": "no. [%ID%]", "List-Unsubscribe": "<https://acme.test/[%NONE%]>"},
    }  # fmt: skip
    body = {
        "from": {"email": "news@acme.test"}, "subject": "No. [%ID%]", "content": [{"type": "text", "value": "x"}],
        "personalizations": [group],
    }  # fmt: skip
    assert post(key(account), body).status_code == 202
    with mailer() as ours:
        send_all(ours)
    (message,) = mx.messages
    mail = message.parsed
    assert (mail["X-Order"], mail["Subject"]) == ("no. 7 Bcc: eve@example.com x", "No. 7 Bcc: eve@example.com x")
    assert mail["Bcc"] is None

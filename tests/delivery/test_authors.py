"""What a message that is handed in by SMTP says of where it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import policy
from email.utils import format_datetime
from pathlib import Path

import pytest

from accounts.models import Account
from delivery.models import Message
from feeds.models import Email
from tests import make
from tests.delivery.doors import Door, letter, opened, refused
from tests.delivery.v5 import asking

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.sender_domain(account, "shop.com")
    return account


@pytest.fixture
def key(acme: Account) -> str:
    return asking.key(acme)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as door:
        yield door


def test_a_message_tells_how_it_came_and_nothing_of_where_from(door: Door, key: str) -> None:
    with door.client(key) as client:
        refused(client, letter(), "bob@gmail.com")
        refused(client, letter(), "bob@gmail.com", "ann@gmail.com")
    for message, to in zip(Message.objects.order_by("id"), ("\r\n\tfor <bob@gmail.com>", ""), strict=True):
        trace = bytes(message.raw or b"").decode().partition("From:")[0]
        date = format_datetime(message.created_at.replace(microsecond=0))
        assert trace == (
            f"Received: from localhost (a client that logged in)\r\n\tby mail.example.com with ESMTPSA"
            f" id {message.uid}{to};\r\n\t{date}\r\n"
        )


def test_a_message_tells_by_which_protocol_it_came(tmp_path: Path, key: str) -> None:
    with opened(tmp_path, plain_logins=True) as door, door.client(key, tls=False) as client:
        refused(client, letter())
        client.mail("orders@shop.com", ["SMTPUTF8"])
        client.rcpt("jo@gmail.com")
        client.data(letter().as_bytes(policy=policy.SMTP))
    traces = [bytes(message.raw or b"") for message in Message.objects.order_by("id")]
    assert [re.findall(rb" with (\w+) id ", trace) for trace in traces] == [[b"ESMTPA"], [b"UTF8SMTPA"]]


def test_a_message_is_from_one_that_was_looked_at(door: Door, key: str) -> None:
    with door.client(key) as client:
        client.mail("a@shop.com")
        client.rcpt("bob@gmail.com")
        code, words = client.data(b"From: a@shop.com\r\nFrom: eve@elsewhere.com\r\n\r\nHello\r\n")
    assert (code, words.decode()) == (
        550, "5.6.0 The message has several From headers: leave the one it is from."
    )  # fmt: skip
    assert not Message.objects.exists()


def test_a_message_may_be_from_several_people_where_all_may_send(door: Door, acme: Account, key: str) -> None:
    make.sender_domain(acme, "store.com")
    two = letter(From='Ann <ann@shop.com>, "Bob, B." <bob@store.com>', Sender="Bob <bob@store.com>")
    with door.client(key) as client:
        assert refused(client, two)[0] == 250
    assert Email.objects.get().sender == "ann@shop.com"


@pytest.mark.parametrize(
    ("headers", "reply"),
    [
        (
            {"From": "ann@shop.com, eve@bank.com", "Sender": "ann@shop.com"},
            "5.7.1 Unknown sender domain bank.com is not a sender domain of this account.",
        ),
        (
            {"From": "All: ann@shop.com, eve@bank.com;", "Sender": "ann@shop.com"},
            "5.7.1 Unknown sender domain bank.com is not a sender domain of this account.",
        ),
        (
            {"From": "ann@shop.com, bob@shop.com"},
            "5.6.0 The header From names several people: say in a header Sender which of them sends it",
        ),
        (
            {"From": "ann@shop.com, bob@shop.com", "Sender": "eve@bank.com"},
            "5.7.1 Unknown sender domain bank.com is not a sender domain of this account.",
        ),
        ({"From": "ann@shop.com, eve", "Sender": "ann@shop.com"}, "5.7.1 Invalid value"),
    ],
)
def test_a_message_is_from_nobody_whose_domain_is_not_the_accounts(
    door: Door, key: str, headers: dict[str, str], reply: str
) -> None:
    content = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\nHello\r\n"
    with door.client(key) as client:
        code, words = refused(client, content.encode())
    assert (code, words[: len(reply)]) == (550, reply)
    assert not Message.objects.exists()

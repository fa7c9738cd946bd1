"""The small readers below SMTP: where a message ends, addresses of commands, headers as they were handed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import handed
from delivery.orders import Mailbox
from delivery.smtpd import paths
from delivery.smtpd.body import Body
from delivery.smtpd.logins import MOST_FAILURES, WITHIN_SECONDS, Logins
from delivery.smtpd.replies import reply

# What messages are made of where it matters.
PIECES = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"..", b"\r\n.\r", b"text"]), max_size=30)


def protected(message: bytes) -> bytes:
    """As a client sends it, its end included. The message ends in a line break, or is empty."""
    return (b"\n" + message).replace(b"\n.", b"\n..")[1:] + b".\r\n"


@given(PIECES, st.lists(st.integers(1, 7), min_size=1), st.binary(max_size=10))
def test_a_message_is_what_was_sent_however_it_is_cut(parts: list[bytes], sizes: list[int], rest: bytes) -> None:
    message = b"".join([*parts, b"\r\n"]) if parts else b""
    sent, body, found = protected(message) + rest, Body(10_000), None
    at = turn = 0
    while found is None:
        size = sizes[turn % len(sizes)]
        found = body.feed(sent[at : at + size])
        at, turn = at + size, turn + 1
    assert body.content == message
    assert found + sent[at:] == rest


@given(st.integers(0, 30), st.integers(1, 10))
def test_of_a_message_that_is_too_large_only_its_end_is_found(most: int, size: int) -> None:
    message = b"x" * 20 + b"\r\n"
    sent, body, found = protected(message) + b"QUIT", Body(most), None
    for at in range(0, len(sent), size):
        found = body.feed(sent[at : at + size])
        if found is not None:
            break
    assert found is not None
    assert b"QUIT".startswith(found)
    assert body.is_too_large == (len(message) > most)
    assert body.content == (b"" if body.is_too_large else message)


@pytest.mark.parametrize(
    ("said", "address", "parameters"),
    [
        ("FROM:<a@b.com>", "a@b.com", {}),
        ("from: <a@b.com>  SIZE=10 body=8BITMIME", "a@b.com", {"SIZE": "10", "BODY": "8BITMIME"}),
        ("FROM:<>", "", {}),
        ("FROM:<> AUTH=<>", "", {"AUTH": "<>"}),
        ("FROM:<@relay.com,@other.com:a@b.com>", "a@b.com", {}),
        ("FROM:a@b.com", "a@b.com", {}),
        ('FROM:<"a b>"@b.com>', None, None),
        ('FROM:<"a b"@b.com>', '"a b"@b.com', {}),
        ("FROM:<a@b.com", None, None),
        ("TO:<a@b.com>", None, None),
        ("", None, None),
    ],
)
def test_the_path_of_a_command(said: str, address: str | None, parameters: dict[str, str] | None) -> None:
    found = paths.read("FROM:", said)
    if found is None:
        assert address is None
    else:
        assert (found.address, found.parameters) == (address, parameters)


@given(st.text(), st.sampled_from(["FROM:", "TO:"]))
def test_no_argument_breaks_the_reader_of_paths(said: str, keyword: str) -> None:
    found = paths.read(keyword, keyword + said)
    if found is not None:
        paths.is_mailbox(found.address)


@pytest.mark.parametrize("address", ["a", "@b.com", "a@", "a" * 320 + "@b.com", "a\udcff@b.com", "a\x00@b.com"])
def test_what_is_no_mailbox(address: str) -> None:
    assert not paths.is_mailbox(address)


@given(st.binary(max_size=400))
def test_a_message_keeps_all_of_its_fields(raw: bytes) -> None:
    found = handed.read(raw)
    again = handed.read(found.as_bytes())
    assert again == found
    for name in {name for name, _lines in found.fields}:
        found.text(name).encode()
        for mailbox in found.mailboxes(name):
            mailbox.address.encode()


HEADERS = (
    b"From x Mon Nov 24 10:00:00 2026\n"
    b"From: =?utf-8?q?Jo=C3=A3o?= Silva <joao@shop.com>,\n other@shop.com\n"
    b"SUBJECT: =?utf-8?b?T2zDoQ==?= =?bad\n"
    b"X-Old: caf\xe9\x00\n"
    b"X-Broken: =?nonsense?q?x?=\n"
    b"Subject: second\n\nBody\n"
)


def test_what_headers_say() -> None:
    message = handed.read(HEADERS)
    assert message.mailboxes("from") == [
        Mailbox("joao@shop.com", "João Silva"), Mailbox("other@shop.com"),
    ]  # fmt: skip
    assert message.text("subject").startswith("Olá")
    assert message.text("x-old") == "café"
    assert message.text("x-broken")
    assert message.text("x-none") == ""
    assert message.count("subject") == 2
    assert message.without(["subject"]).as_bytes().endswith(b"X-Broken: =?nonsense?q?x?=\r\n\r\nBody\r\n")


def test_a_long_reply_takes_several_lines_and_every_client_can_read_it() -> None:
    words = reply(550, "5.7.1", "Fair “enough”…\r\n" + "ü" * 600)
    lines = words.split("\r\n")
    assert [line[:10] for line in lines] == ["550-5.7.1 ", "550 5.7.1 "]
    assert words.isascii()
    assert 'Fair "enough"... ???' in words


def test_failures_are_forgotten_after_a_while() -> None:
    now = 0.0
    logins = Logins(lambda: now)
    for _time in range(MOST_FAILURES):
        assert not logins.is_closed("192.0.2.1")
        logins.failed("192.0.2.1")
    assert logins.is_closed("192.0.2.1")
    assert not logins.is_closed("192.0.2.2")
    now += WITHIN_SECONDS
    assert not logins.is_closed("192.0.2.1")

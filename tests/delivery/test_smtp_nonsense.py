"""Whatever is said to the SMTP server: it answers or hangs up, and keeps what it said it kept, no more and no less."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import keys
from accounts.access import enter
from accounts.keys import Scope
from delivery.models import Message
from delivery.smtpd.logins import Logins
from feeds.models import Email, InboxRow
from tests import make
from tests.delivery.doors import Door, opened

pytestmark = pytest.mark.django_db(transaction=True)

COMMANDS = st.sampled_from([
    b"EHLO me", b"HELO me", b"EHLO", b"NOOP", b"RSET", b"HELP", b"HELP MAIL", b"VRFY <a@b.com>", b"EXPN x", b"QUIT",
    b"MAIL FROM:<a@shop.com>", b"MAIL FROM:<>", b"MAIL FROM:<a@shop.com> SIZE=999999999999999", b"MAIL",
    b"MAIL FROM:<a",
    b"MAIL FROM:<a@shop.com> SMTPUTF8 BODY=8BITMIME AUTH=<>", b"RCPT TO:<x@bounces.shop.com>", b"RCPT TO:<>",
    b"RCPT TO:<b@gmail.com>", b"RCPT TO:<\xff@gmail.com>", b"RCPT TO:<b@gmail.com> NOTIFY=NEVER", b"DATA", b"DATA x",
    b"From: a@shop.com\r\n\r\nHello\r\n.", b"From: \xff\x00@\r\nX-TAGS: ,\r\nHello\r\n.", b".", b"\r\n.", b"AUTH LOGIN",
    b"AUTH PLAIN", b"AUTH PLAIN =", b"*", b"AUTH", b"STARTTLS x", b"BDAT 10", b"\x16\x03\x01\x00", b"x" * 5000,
])  # fmt: skip
LINES = st.lists(st.one_of(COMMANDS, COMMANDS, COMMANDS, st.binary(max_size=40)), max_size=25)
BEGINNINGS = st.sampled_from([b"", b"EHLO me\r\n", b"LOGIN", b"LOGIN MAIL"])


@pytest.fixture
def raw() -> str:
    account = make.account()
    make.sender_domain(account, "shop.com", return_path="bounces.shop.com")
    return keys.make_key(enter(make.member(account), account.slug), "shop", [Scope.SEND])[1]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path, plain_logins=True, login_delay=0) as door:
        yield door


def stored() -> tuple[int, int]:
    return Message.objects.count(), InboxRow.objects.count()


def answers(door: Door, said: bytes) -> bytes:
    """All that the server says until it hangs up."""
    with door.plain() as connection:
        data = b""
        try:
            # Out of a message or a login, whichever we are in.
            connection.sendall(said + b"\r\n.\r\n*\r\n*\r\nQUIT\r\n")
            while more := connection.recv(65536):
                data += more
        except ConnectionError:
            pass
    return data


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=100)
@given(beginning=BEGINNINGS, lines=LINES)
def test_nonsense(door: Door, raw: str, beginning: bytes, lines: list[bytes]) -> None:
    login = b"EHLO me\r\nAUTH PLAIN " + b64encode(f"\0apikey\0{raw}".encode()) + b"\r\n"
    mail = b"MAIL FROM:<a@shop.com>\r\nRCPT TO:<b@gmail.com>\r\nDATA\r\n"
    began = {b"LOGIN": login, b"LOGIN MAIL": login + mail}.get(beginning, beginning)
    before = stored()
    door.server.logins = Logins()
    with structlog.testing.capture_logs() as logs:
        said = answers(door, began + b"".join(line + b"\r\n" for line in lines))
        with door.client(tls=False) as client:
            assert client.noop()[0] == 250
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical", "warning")]
    for line in said.split(b"\r\n")[:-1]:
        assert re.match(rb"[2345]\d\d[ -]", line)
    messages, returned = stored()
    assert messages - before[0] >= len(re.findall(rb"^250 2.0.0 OK: queued", said, re.MULTILINE))
    assert returned - before[1] >= len(re.findall(rb"^250 2.0.0 OK: kept", said, re.MULTILINE))
    assert Email.objects.count() >= messages
    assert door.server.buffered == 0

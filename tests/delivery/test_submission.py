"""Applications that hand in mail by SMTP, over a real socket."""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import keys
from accounts.access import Access, enter
from accounts.keys import Scope
from accounts.models import Account
from delivery.models import Message, Origin, Outgoing, source_of
from feeds import outage
from feeds.models import Email
from tests import make
from tests.delivery.doors import Door, heard, letter, opened, refused, trusting
from tests.site import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.sender_domain(account, "shop.com")
    return account


@pytest.fixture
def owner(acme: Account) -> Access:
    return enter(make.member(acme), acme.slug)


@pytest.fixture
def key(owner: Access) -> str:
    return keys.make_key(owner, "shop", [Scope.SEND])[1]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as door:
        yield door


def at_once(door: Door, key: str, letters: list[EmailMessage]) -> list[tuple[int, str]]:
    """The replies to messages of as many connections: the first one is held up, and the rest gather."""
    told: dict[int, tuple[int, str]] = {}

    def hand_in(n: int) -> None:
        with door.client(key) as client:
            told[n] = refused(client, letters[n], f"p{n}@gmail.com")

    crew = [threading.Thread(target=hand_in, args=(n,)) for n in range(len(letters))]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("lock table delivery_message in access exclusive mode")
        for thread in crew:
            thread.start()
        wait_until(lambda: door.server.storing == len(letters), 60, "the others gather")
    for thread in crew:
        thread.join(60)
    return [told[n] for n in range(len(letters))]


class TestAMessage:
    def test_is_an_email_for_each_recipient_and_is_stored_before_it_is_acknowledged(
        self, door: Door, acme: Account, key: str
    ) -> None:
        with door.client(key) as client:
            code, words = refused(client, letter(), "bob@gmail.com", "ann@gmail.com")
            emails = Email.objects.filter(account=acme).order_by("recipient")
            told = [(email.recipient, email.sender, email.subject, email.source_id) for email in emails]
        assert code == 250
        assert told == [(f"{name}@gmail.com", "orders@shop.com", "Olá", source_of(acme.id)) for name in ("ann", "bob")]
        message = Message.objects.get()
        assert words == f"2.0.0 OK: queued as {message.uid}"
        assert (message.origin, message.sender_name) == (Origin.SMTP, "Shop")
        assert message.key_id == keys.ApiKey.objects.get().pk

    def test_keeps_its_bytes_but_for_what_is_meant_for_us(self, door: Door, acme: Account, key: str) -> None:
        message = letter(X_APIHEADER="order 17", X_TAGS="receipt, autumn ,", Bcc="eve@gmail.com", X_Mine="kept")
        with door.client(key) as client:
            assert refused(client, message)[0] == 250
        email = Email.objects.get(account=acme)
        assert (email.argument, set(email.tags)) == ("order 17", {"receipt", "autumn"})
        kept = letter(X_Mine="kept").as_bytes(policy=policy.SMTP)
        raw = Message.objects.get().raw
        assert raw is not None
        # But for the header that tells how it came.
        assert bytes(raw).endswith(b" +0000\r\n" + kept)

    def test_may_be_the_second_of_a_connection_and_from_a_client_that_sends_all_at_once(
        self, door: Door, key: str
    ) -> None:
        with door.client(key) as client:
            assert client.sock is not None
            one = b"MAIL FROM:<a@shop.com> SIZE=100 BODY=8BITMIME AUTH=<>\r\nRCPT TO:<b@gmail.com>\r\nDATA\r\n"
            client.sock.sendall(one)
            assert [line[:3] for line in heard(client.sock, 3).split(b"\r\n")[:-1]] == [b"250", b"250", b"354"]
            client.sock.sendall(b"From: a@shop.com\r\n\r\nHello\r\n.\r\n" + one)
            assert [line[:3] for line in heard(client.sock, 4).split(b"\r\n")[:-1]] == [b"250"] * 3 + [b"354"]
            client.sock.sendall(b"From: a@shop.com\r\n\r\nHello again\r\n.\r\nQUIT\r\n")
            assert [line[:3] for line in heard(client.sock, 2).split(b"\r\n")[:-1]] == [b"250", b"221"]
        assert Message.objects.count() == 2

    def test_may_be_to_addresses_beyond_ascii(self, door: Door, acme: Account, key: str) -> None:
        with door.client(key) as client:
            assert client.mail("orders@shop.com", ["SMTPUTF8"])[0] == 250
            client.command_encoding = "utf-8"
            assert client.rcpt("jörg@müller.de")[0] == 250
            assert client.data(letter().as_bytes(policy=policy.SMTP))[0] == 250
        assert Email.objects.filter(account=acme).count() == 1

    def test_holds_no_line_break_that_another_server_could_take_for_its_end(self, door: Door, key: str) -> None:
        smuggled = b"From: a@shop.com\r\n\r\nHello\n.\r\nMAIL FROM:<eve@evil.example>\r\n\r.\r\nEnd"
        with door.client(key) as client:
            assert client.sock is not None
            client.sock.sendall(b"MAIL FROM:<a@shop.com>\r\nRCPT TO:<b@gmail.com>\r\nDATA\r\n")
            heard(client.sock, 3)
            client.sock.sendall(smuggled + b"\r\n.\r\n")
            assert heard(client.sock).startswith(b"250 ")
        raw = Message.objects.get().raw
        assert raw is not None
        assert bytes(raw).count(b"\n") == bytes(raw).count(b"\r") == bytes(raw).count(b"\r\n")

    def test_of_whom_nobody_knows_the_sender_is_refused(self, door: Door, key: str) -> None:
        with door.client(key) as client:
            code, words = refused(client, b"Subject: Hello\r\n\r\nWho am I?\r\n")
            assert (code, words[:6]) == (550, "5.6.0 ")
            code, words = refused(client, letter(From="eve@elsewhere.com"))
            assert (code, words[:6]) == (550, "5.7.1 ")
            code, words = refused(client, letter(X_APIHEADER="x" * 256))
            assert code == 550
            assert "255 characters" in words
            assert refused(client, letter())[0] == 250
        assert Message.objects.count() == 1

    def test_that_is_too_large_is_refused_and_the_next_one_is_taken(self, door: Door, key: str) -> None:
        with door.client(key) as client:
            assert client.mail("orders@shop.com", ["SIZE=200001"])[0] == 552
            assert refused(client, b"x" * 300_000) == (552, "5.3.4 The message is too large.")
            assert refused(client, letter())[0] == 250
        assert Message.objects.count() == 1
        assert door.server.buffered == 0

    def test_without_an_end_is_read_no_further(self, door: Door, key: str) -> None:
        with door.client(key) as client:
            assert client.sock is not None
            client.sock.sendall(b"MAIL FROM:<a@shop.com>\r\nRCPT TO:<b@gmail.com>\r\nDATA\r\n")
            heard(client.sock, 3)
            with pytest.raises((OSError, ssl.SSLError, AssertionError)):  # noqa: PT012
                for _piece in range(1000):
                    client.sock.sendall(b"x" * 76_000)
                raise AssertionError
        assert not Message.objects.exists()

    def test_that_was_cut_off_is_not_stored(self, door: Door, key: str) -> None:
        with door.client(key) as client:
            assert client.sock is not None
            client.sock.sendall(b"MAIL FROM:<a@shop.com>\r\nRCPT TO:<b@gmail.com>\r\nDATA\r\n")
            heard(client.sock, 3)
            client.sock.sendall(b"From: a@shop.com\r\n\r\nHalf of it\r\n")
        with door.client(key) as client:
            assert client.noop()[0] == 250
        assert not Message.objects.exists()
        assert door.server.buffered == 0

    def test_is_asked_for_again_while_the_database_is_away(self, door: Door, key: str) -> None:
        with door.client(key) as client:
            outage.database.failed()
            assert refused(client, letter())[0] == 451
            outage.database.answered()
            assert refused(client, letter())[0] == 250
        assert Message.objects.count() == 1

    def test_is_stored_together_with_those_that_wait_and_each_gets_its_own_answer(
        self, door: Door, acme: Account, key: str
    ) -> None:
        letters = [letter(X_APIHEADER=str(n)) for n in range(5)] + [letter(From="eve@elsewhere.com")]
        told = at_once(door, key, letters)
        assert [code for code, _words in told] == [250] * 5 + [550]
        uids = {words.split()[-1]: f"p{n}@gmail.com" for n, (_code, words) in enumerate(told[:5])}
        emails = Email.objects.filter(account=acme)
        assert {email.message_id: email.recipient for email in emails} == uids
        assert Outgoing.objects.count() == Message.objects.count() == 5

    def test_that_the_database_refuses_takes_no_other_along(self, door: Door, key: str) -> None:
        letters = [letter(Subject="poison" if n == 3 else "Hello") for n in range(6)]
        with connection.cursor() as cursor:
            cursor.execute("alter table delivery_message add constraint poison check (subject <> 'poison')")
        try:
            told = at_once(door, key, letters)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("alter table delivery_message drop constraint poison")
        assert [code for code, _words in told] == [250] * 3 + [451] + [250] * 2
        assert Message.objects.count() == 5

    def test_goes_to_so_many_at_a_time(self, door: Door, key: str) -> None:
        with door.client(key) as client:
            client.mail("orders@shop.com")
            codes = [client.rcpt(f"p{n}@gmail.com")[0] for n in range(6)]
        assert codes == [250] * 5 + [452]


class TestLoggingIn:
    def test_is_offered_and_possible_with_tls_alone(self, door: Door, key: str) -> None:
        with door.client(tls=False) as client:
            assert {"starttls", "size", "8bitmime", "smtputf8", "pipelining"} <= client.esmtp_features.keys()
            assert "auth" not in client.esmtp_features
            assert client.docmd("AUTH PLAIN AAAA")[0] == 538
            client.starttls(context=trusting())
            client.ehlo()
            assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
            assert "starttls" not in client.esmtp_features
            client.user, client.password = "apikey", key
            assert client.auth("LOGIN", client.auth_login)[0] == 235
            assert refused(client, letter())[0] == 250

    def test_is_possible_without_tls_on_this_machine_where_that_is_allowed(self, tmp_path: Path, key: str) -> None:
        with opened(tmp_path, plain_logins=True) as door, door.client(key, tls=False) as client:
            assert refused(client, letter())[0] == 250

    def test_what_was_said_before_tls_does_not_hold_after_it(self, door: Door) -> None:
        with door.plain() as connection:
            connection.sendall(b"EHLO me\r\n")
            heard(connection)
            connection.sendall(b"STARTTLS\r\nMAIL FROM:<eve@evil.example>\r\n")
            assert heard(connection).startswith(b"220 ")
            secret = trusting().wrap_socket(connection, server_hostname="mail.example.com")
            secret.sendall(b"RCPT TO:<b@gmail.com>\r\n")
            assert heard(secret).startswith(b"503 ")
            secret.close()

    def test_with_a_wrong_key_is_refused_and_after_the_third_time_the_connection_ends(self, door: Door) -> None:
        with door.client() as client:
            client.user, client.password = "apikey", "lf_" + "x" * 40
            for _time in range(2):
                with pytest.raises(smtplib.SMTPAuthenticationError) as told:
                    client.auth("PLAIN", client.auth_plain)
                assert told.value.smtp_code == 535
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.auth("PLAIN", client.auth_plain)
            assert client.getreply()[0] == 421
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.noop()

    def test_that_fails_ten_times_is_not_possible_for_a_while(self, door: Door, key: str) -> None:
        wrong = b64encode(b"\0apikey\0wrong").decode()
        codes = []
        while 421 not in codes:
            with door.client() as client:
                codes.append(client.docmd("AUTH PLAIN", wrong)[0])
        assert codes == [535] * 10 + [421]
        right = b64encode(f"\0apikey\0{key}".encode()).decode()
        with door.client() as client:
            assert client.docmd("AUTH PLAIN", right)[0] == 421

    def test_is_asked_for_again_while_the_database_is_away(self, door: Door, key: str) -> None:
        with door.client() as client:
            outage.database.failed()
            with pytest.raises(smtplib.SMTPAuthenticationError) as told:
                client.login("apikey", key)
            assert told.value.smtp_code == 454
            outage.database.answered()
            client.login("apikey", key)

    def test_ends_with_the_key_also_for_a_connection_that_is_open(self, door: Door, owner: Access, key: str) -> None:
        with door.client(key) as client:
            assert refused(client, letter())[0] == 250
            keys.revoke(owner, keys.ApiKey.objects.get().pk, timezone.now())
            assert refused(client, letter())[:2] == (550, refusal_of_revoked())
            client.mail("orders@shop.com")
            assert client.rcpt("bob@gmail.com")[0] == 530
        assert Message.objects.count() == 1

    def test_takes_a_key_that_may_send(self, door: Door, owner: Access) -> None:
        _key, raw = keys.make_key(owner, "reader", [Scope.READ])
        with door.client() as client, pytest.raises(smtplib.SMTPAuthenticationError) as told:
            client.login("apikey", raw)
        assert b'the scope "Send mail"' in told.value.smtp_error

    @pytest.mark.parametrize("said", ["AUTH", "AUTH CRAM-MD5", "AUTH PLAIN ???", "AUTH PLAIN AAAA", "AUTH plain ="])
    def test_is_refused_where_it_makes_no_sense(self, door: Door, said: str) -> None:
        with door.client() as client:
            assert client.docmd(said)[0] in (501, 504)
            assert client.noop()[0] == 250


def refusal_of_revoked() -> str:
    return "5.7.1 This API key was revoked. Use another one, or make one in Settings, API keys."


class TestAConnection:
    def test_beyond_the_last_one_is_turned_away(self, tmp_path: Path) -> None:
        with opened(tmp_path, connections=2) as door, door.plain(), door.plain():
            with pytest.raises(smtplib.SMTPConnectError) as told:
                smtplib.SMTP("127.0.0.1", door.port, timeout=20)
            assert told.value.smtp_code == 421

    def test_without_a_word_is_closed(self, tmp_path: Path) -> None:
        with opened(tmp_path, idle=0.2) as door, door.plain() as connection:
            assert heard(connection).startswith(b"421 4.4.2 ")
            assert connection.recv(100) == b""

    def test_is_told_when_the_server_stops(self, door: Door) -> None:
        with door.plain() as connection:
            door.stop()
            assert heard(connection).startswith(b"421 4.3.2 ")

    def test_may_be_of_somebody_who_speaks_http(self, door: Door) -> None:
        with door.plain() as connection:
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: mail\r\nX: y\r\nA: b\r\nC: d\r\n\r\nMAIL FROM:<a@shop.com>\r\n"
            )
            answer = heard(connection, 20)
        assert b"250" not in answer
        assert answer.splitlines()[-1].startswith(b"502")

    def test_greets_with_our_name_and_a_certificate_for_it(self, door: Door, tmp_path: Path) -> None:
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        with smtplib.SMTP("127.0.0.1", door.port, timeout=20) as client:
            client._host = "mail.example.com"  # type: ignore[attr-defined]
            client.starttls(context=context)
            assert client.ehlo()[1].splitlines()[0] == b"mail.example.com"
        assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"])
    def test_whose_tls_fails_is_over_and_no_error_of_ours(
        self, door: Door, said: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        with door.plain() as connection:
            connection.sendall(b"EHLO me\r\n")
            heard(connection)
            connection.sendall(b"STARTTLS\r\n")
            heard(connection)
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
        with door.client() as client:
            assert client.noop()[0] == 250
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

"""Mail that comes back: by SMTP without a login, from a maildir, from a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from accounts.models import Account
from delivery import handed, maildir, reception, tokens
from delivery.models import SenderDomain, source_of
from feeds import outage
from feeds.events import Kind
from feeds.lifecycle import record
from feeds.models import Email, InboxRow
from tests import make
from tests.delivery.doors import Door, opened
from tracking import tokens as links

pytestmark = pytest.mark.django_db(transaction=True)
BOUNCE = b"From: MAILER-DAEMON@gmail.com\r\nSubject: Undelivered\r\n\r\nThe address is gone.\r\n"


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    reception.forget()


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.sender_domain(account, "shop.com", return_path="bounces.shop.com")
    return account


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as door:
        yield door


def handed_in(door: Door, *recipients: str, sender: str = "", content: bytes = BOUNCE) -> list[int]:
    """The codes of the replies to each RCPT, and to the message where one was taken."""
    with door.client(tls=False) as client:
        assert client.mail(sender)[0] == 250
        codes = [client.rcpt(recipient)[0] for recipient in recipients]
        if 250 in codes:
            codes.append(client.data(content)[0])
    return codes


def kept() -> list[tuple[int, int, str, dict[str, str]]]:
    rows = InboxRow.objects.filter(kind="returned-mail").order_by("id")
    return [(row.account_id, row.source_id, row.kind, row.headers) for row in rows]


class TestBySmtp:
    def test_a_bounce_to_a_return_path_domain_is_kept_without_a_login(self, door: Door, acme: Account) -> None:
        assert handed_in(door, "who-knows@bounces.shop.com") == [250, 250]
        row = InboxRow.objects.get()
        assert bytes(row.body) == BOUNCE
        assert row.content_type == "message/rfc822"
        expected = {"mail-from": "", "rcpt-to": "who-knows@bounces.shop.com", "peer": "127.0.0.1"}
        assert kept() == [(acme.id, source_of(acme.id), "returned-mail", expected)]

    def test_so_is_one_to_a_domain_below_it_and_in_capitals(self, door: Door, acme: Account) -> None:
        assert handed_in(door, "x@eu.Bounces.SHOP.com", sender="ann@gmail.com") == [250, 250]
        assert [headers["mail-from"] for _account, _source, _kind, headers in kept()] == ["ann@gmail.com"]

    @pytest.mark.usefixtures("acme")
    def test_mail_to_anybody_else_asks_for_a_login(self, door: Door) -> None:
        codes = handed_in(door, "bob@gmail.com", "x@shop.com", "x@notbounces.shop.com", "x@bounces.shop.com.evil.com")
        assert codes == [530] * 4
        assert handed_in(door, "bob@gmail.com", "x@bounces.shop.com") == [530, 250, 250]
        assert len(kept()) == 1

    def test_it_is_the_account_of_the_email_that_the_address_names(self, door: Door, acme: Account) -> None:
        other = make.account("Other")
        source = SimpleNamespace(account_id=other.id, id=source_of(other.id))
        record([make.arrival(source, make.event(Kind.SENT))])  # type: ignore[arg-type]
        address = tokens.return_path(Email.objects.get().id, "bounces.shop.com")
        forged = address.replace("b+", "b+a")
        leaving = f"{links.mailbox(other.id, 1)}@bounces.shop.com"
        assert handed_in(door, address, forged, leaving) == [250] * 4
        assert [account for account, *_rest in kept()] == [other.id, acme.id, other.id]

    def test_the_domain_of_the_installation_is_everybodys(self, door: Door, acme: Account) -> None:
        SenderDomain.objects.filter(account=acme).update(return_path="back.example.org")
        with override_settings(RETURN_PATH_DOMAIN="back.example.org"):
            assert handed_in(door, "x@back.example.org") == [250, 250]
        assert [account for account, *_rest in kept()] == [reception.NOBODY]

    @pytest.mark.usefixtures("acme")
    def test_it_comes_again_when_the_database_was_away(self, door: Door) -> None:
        outage.database.failed()
        assert handed_in(door, "x@bounces.shop.com") == [451]
        outage.database.answered()
        with door.client(tls=False) as client:
            client.mail("")
            assert client.rcpt("x@bounces.shop.com")[0] == 250
            outage.database.failed()
            assert client.data(BOUNCE)[0] == 451
        assert not kept()


def test_a_header_field_of_very_many_lines_is_read_at_once() -> None:
    """Line by line it would take an hour, and nobody could hand in anything meanwhile."""
    message = handed.read(
        b"From: ann@gmail.com\r\nX-Long: 1\r\n" + b" \r\n" * 1_000_000 + b"To: bob@x.com\r\n\r\nHello\r\n"
    )
    assert [name for name, _lines in message.fields] == ["from", "x-long", "to"]
    assert (len(message.fields[1][1]), message.text("to"), message.body) == (3_000_011, "bob@x.com", b"Hello\r\n")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "box" / name).mkdir(parents=True)
    return tmp_path / "box"


def put(box: Path, name: str, content: bytes = BOUNCE) -> Path:
    path = box / "new" / name
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFromAMaildir:
    def test_each_message_is_taken_once_and_moved(self, box: Path, acme: Account) -> None:
        put(
            box,
            "1.a.host",
            b"Return-Path: <>\r\nX-Original-To: b@bounces.shop.com\r\nDelivered-To: me@here\r\n" + BOUNCE,
        )
        put(box, "2.b.host,S=10:2,F")
        call_command("returned", maildir=box, recipient="x@elsewhere.com", account=acme.slug)
        call_command("returned", maildir=box)
        assert [headers["rcpt-to"] for *_rest, headers in kept()] == ["b@bounces.shop.com", "x@elsewhere.com"]
        assert [account for account, *_rest in kept()] == [acme.id, acme.id]
        assert names(box / "cur") == ["1.a.host:2,S", "2.b.host,S=10:2,S"]
        assert names(box / "new") == []

    def test_one_that_was_stored_and_not_moved_is_only_moved(self, box: Path) -> None:
        put(box, "1.a"), put(box, "2.b")
        maildir._note(box, "1.a")
        reception.keep("", "", BOUNCE, file="1.a")
        assert maildir.take(box) == 1
        assert [headers["file"] for *_rest, headers in kept()] == ["1.a", "2.b"]
        assert names(box / "new") == []

    def test_one_that_was_noted_and_not_stored_is_stored(self, box: Path) -> None:
        reception.keep("", "", BOUNCE, file="1.a")
        put(box, "1.a")
        maildir._note(box, "1.a")
        assert maildir.take(box) == 1
        assert len(kept()) == 2

    def test_two_do_not_read_it_at_once(self, box: Path) -> None:
        with maildir._alone(box), pytest.raises(CommandError) as told:
            call_command("returned", maildir=box)
        assert told.value.returncode == os.EX_TEMPFAIL

    def test_what_is_no_maildir_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="no maildir"):
            call_command("returned", maildir=tmp_path)


class TestFromAPipe:
    def piped(self, monkeypatch: pytest.MonkeyPatch, content: bytes, **options: Any) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        call_command("returned", **options)

    def test_a_message_is_taken(self, monkeypatch: pytest.MonkeyPatch, acme: Account) -> None:
        before = datetime.now(UTC)
        self.piped(monkeypatch, b"Return-Path: <ann@gmail.com>\n" + BOUNCE, recipient="x@bounces.shop.com")
        assert kept()[0] == (acme.id, source_of(acme.id), "returned-mail", {
            "mail-from": "ann@gmail.com", "rcpt-to": "x@bounces.shop.com",
        })  # fmt: skip
        assert InboxRow.objects.get().received_at >= before

    @pytest.mark.parametrize(
        ("content", "options", "code"),
        [(b" \n", {}, os.EX_DATAERR), (b"x" * 100_001, {}, os.EX_DATAERR), (BOUNCE, {"account": "none"}, os.EX_USAGE)],
    )
    def test_what_is_wrong_is_told_by_the_exit_code(
        self, monkeypatch: pytest.MonkeyPatch, content: bytes, options: dict[str, str], code: int
    ) -> None:
        with override_settings(SMTP_MAX_BYTES=100_000), pytest.raises(CommandError) as told:
            self.piped(monkeypatch, content, **options)
        assert told.value.returncode == code
        assert not kept()

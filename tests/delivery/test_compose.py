from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account
from delivery import compose, mime, tokens
from delivery.compose import File, Frame, Mail
from delivery.models import Attachment, Message, Origin, Outgoing, SenderDomain
from delivery.naming import header_id
from tests import make

RAW = (
    b"Received: from app\n by us;\n Mon\nFrom: =?utf-8?q?Acme_=C3=89?= <news@acme.test>\nTo: bob@example.com\n"
    b"Bcc: boss@acme.test\nX-APIHEADER: 7\nX-TAGS: a,b\nSubject: =?utf-8?b?T2zDoQ==?=\n"
    b"Message-ID: <own-1@acme.test>\nDate: Tue, 10 Mar 2026 12:00:00 +0000\nX-Odd:  kept   as it is\n"
    b"MIME-Version: 1.0\nContent-Type: text/plain\n\nHello\n.\nBye"
)


def message(**fields: Any) -> Any:
    """A message that is not in the database."""
    given = {
        "id": compose_id(),
        "uid": "0123456789abcdef0123456789abcdef",
        "account_id": 7,
        "origin": Origin.API,
        "sender": "news@acme.test",
        "sender_name": "Acme",
        "subject": "Hello",
        "parts": {"html": "<p>Hi</p>", "text": "Hi"},
        "created_at": make.NOON,
        "kept_until": make.NOON,
    } | fields
    made: Any = Message(**given)
    made._prefetched_objects_cache = {"attachments": []}
    return made


def compose_id(count: list[int] = [0]) -> int:  # noqa: B006
    count[0] += 1
    return count[0]


def outgoing(**fields: Any) -> Outgoing:
    given = {
        "email_id": 42,
        "recipient": "bob@example.com",
        "domain": "example.com",
        "accepted_at": make.NOON,
        "next_attempt_at": make.NOON,
        "expires_at": make.NOON + timedelta(days=5),
    } | fields
    return Outgoing(**given)


def parsed(mail: Mail) -> Any:
    data = mail.as_bytes()
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    return message_from_bytes(data, policy=policy.default)


def text_of(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def domain(**fields: Any) -> SenderDomain:
    return SenderDomain(name="acme.test", **fields)


# ---- What stands in the header ----------------------------------------------------------------------------


def test_the_header_has_what_a_mail_needs() -> None:
    mail = compose.compose(message(), outgoing(recipient_name="Bob"), domain(return_path="back.acme.test"))
    read = parsed(mail)
    assert read["From"] == "Acme <news@acme.test>"
    assert read["To"] == "Bob <bob@example.com>"
    assert read["Date"].datetime == make.NOON
    assert read["Message-ID"] == f"<{header_id(message().uid, 'bob@example.com', 'acme.test')}>"
    assert read["Feedback-ID"] == "api:7:acme.test:livefeeds"
    assert read.defects == []
    assert tokens.read(mail.envelope_from) == 42
    assert mail.envelope_from.endswith("@back.acme.test")
    assert read["Return-Path"] is None


def test_the_return_path_is_one_that_leads_here(settings: Any) -> None:
    assert compose.compose(message(), outgoing(), None).envelope_from == "news@acme.test"
    settings.RETURN_PATH_DOMAIN = "bounces.host.test"
    broken = domain(return_path="back.acme.test", checks={"return_path": {"ok": False}})
    for its_domain in (None, broken):
        mail = compose.compose(message(), outgoing(), its_domain)
        assert mail.envelope_from == tokens.return_path(42, "bounces.host.test")


def test_others_stand_beside_the_recipient_as_asked_for() -> None:
    people = {"to": [["Ann", "ann@example.com"], ["", "bob@example.com"]], "cc": [["Cé", "ce@exämple.com"]]}
    read = parsed(compose.compose(message(), outgoing(addressed=people), None))
    assert [str(a) for a in read["To"].addresses] == ["Ann <ann@example.com>", "bob@example.com"]
    assert [str(a) for a in read["Cc"].addresses] == ["Cé <ce@xn--exmple-cua.com>"]


def test_headers_of_the_callers_own_cannot_become_others() -> None:
    own = {"X-Good": "1", "Bcc": "x@y.test", "X-Bad": "a\r\nBcc: x@y.test", "Content-Type": "x/y", "Bad Name": "1"}
    made = message(parts={"text": "Hi", "headers": own}, subject="Hi\r\nBcc: eve@example.com", sender_name='A"\r\nB: c')
    read = parsed(compose.compose(made, outgoing(headers={"X-Mine": "é" * 80, "x-good": "2"}), None))
    assert read["Bcc"] is None
    assert read["Bad Name"] is None
    assert read["X-Bad"] is None
    assert read["B"] is None
    assert read["x-good"] == "2"
    assert read["X-Mine"] == "é" * 80
    assert read["Subject"] == "Hi Bcc: eve@example.com"
    assert compose.refusal("Bcc", "x")
    assert compose.refusal("X-Any", "fine") == ""


def test_an_address_beyond_ascii_needs_a_server_that_knows_how() -> None:
    assert not compose.compose(message(), outgoing(recipient="bob@exämple.com"), None).needs_utf8
    assert compose.compose(message(), outgoing(recipient="bób@example.com"), None).needs_utf8
    mail = compose.compose(message(), outgoing(recipient="bob@exämple.com"), None)
    assert mail.recipient == "bob@xn--exmple-cua.com"


def test_a_return_path_that_settings_lead_somewhere_needs_no_dns(settings: Any) -> None:
    settings.MX_ROUTES = {"*": ("127.0.0.1", 2526)}
    broken = domain(return_path="back.acme.test", checks={"return_path": {"ok": False}})
    assert compose.return_domain(broken) == "back.acme.test"


# ---- What stands in the body ------------------------------------------------------------------------------


def test_html_text_amp_and_files_come_out_as_they_went_in() -> None:
    made = message(
        parts={"html": "<p>Olá <img src='cid:logo.png'></p>", "text": "Olá", "amp": "<html ⚡4email></html>"}
    )
    files = [
        Attachment(name="preço é.pdf", content_type="application/pdf", content=b"%PDF" * 1000),
        Attachment(name="logo.png", content_type="image/png", content=b"\x89PNG"),
        Attachment(name="evil\r\nX: y", content_type="message/rfc822", content=b""),
        Attachment(name="theirs.txt", content_type="text/plain", content=b"not for bob", recipient_group=3),
    ]
    made._prefetched_objects_cache = {"attachments": files}
    read = parsed(compose.compose(made, outgoing(), None))
    assert read.get_content_type() == "multipart/mixed"
    alternatives, *rest = read.iter_parts()
    kinds = [part.get_content_type() for part in alternatives.iter_parts()]
    assert kinds == ["text/plain", "text/x-amp-html", "text/html"]
    assert text_of(read.get_body(("plain",))) == "Olá"
    assert [part.get_filename() for part in rest] == ["preço é.pdf", "logo.png", "evil X: y"]
    assert rest[0].get_content() == b"%PDF" * 1000
    assert rest[1]["Content-ID"] == "<logo.png>"
    assert rest[2].get_content_type() == "application/octet-stream"


def test_html_alone_is_sent_alone() -> None:
    read = parsed(compose.compose(message(parts={"html": "<p>Hi</p>"}), outgoing(), None))
    assert read.get_content_type() == "text/html"


def test_tracking_may_change_texts_and_headers_before_it_is_sent() -> None:
    made = message()
    first, second = (compose.compose(made, outgoing(email_id=n), None) for n in (1, 2))
    first.html = "<p>Changed</p>"
    first.headers["List-Unsubscribe"] = "<https://acme.test/u/" + "x" * 200 + ">"
    assert text_of(parsed(first).get_body(("html",))) == "<p>Changed</p>"
    assert parsed(first)["List-Unsubscribe"].endswith("x>")
    assert text_of(parsed(second).get_body(("html",))) == "<p>Hi</p>"


def test_placeholders_are_filled_and_that_of_unsubscribing_is_left_to_tracking() -> None:
    made = message(subject="Hi [%NAME%]", parts={"text": "[%NAME%], [% unsubscribe %]", "html": "<p>[%NAME%]</p>"})
    mail = compose.compose(made, outgoing(attributes={"NAME": "Bob"}), None)
    assert (mail.subject, mail.text, mail.html) == ("Hi Bob", "Bob, [%unsubscribe%]", "<p>Bob</p>")


def test_content_that_is_not_kept_is_not_sent() -> None:
    with pytest.raises(compose.ContentGone):
        compose.compose(message(parts=None), outgoing(), None)


# Letters that a header or body may hold; half a surrogate pair is nothing that can be stored.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text("ab =_.\r\n\t-", max_size=2000)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]) | st.just(" "), max_size=300)


@given(TEXT, TEXT)
def test_any_text_is_read_back_as_it_was_written(text: str, html: str) -> None:
    made = message(parts={"text": text, "html": html})
    read = parsed(compose.compose(made, outgoing(), None))
    if text:
        assert text_of(read.get_body(("plain",))) == lines(text)
    if html:
        assert text_of(read.get_body(("html",))) == lines(html)


@given(LINE, LINE)
def test_any_subject_and_name_are_read_back_as_they_were_written(subject: str, name: str) -> None:
    read = parsed(compose.compose(message(subject=subject, sender_name=name), outgoing(), None))
    assert str(read["Subject"]) == mime.clean(subject)
    assert read["From"].addresses[0].addr_spec == "news@acme.test"
    # Between two encoded words of a name the parser of Python leaves a blank that RFC 2047 takes away.
    assert "".join(read["From"].addresses[0].display_name.split()) == "".join(mime.clean(name).split())


@given(st.text(min_size=1, max_size=200), st.binary(max_size=300))
def test_any_file_is_read_back_as_it_was_given(name: str, content: bytes) -> None:
    name = name.encode(errors="replace").decode()
    frame = Frame({"text": "x"}, [File(name, "application/pdf", content)], "seed")
    read: Any = message_from_bytes(frame.body("x", None, None), policy=policy.default)
    file = next(read.iter_attachments())
    assert file.get_content() == content
    assert " ".join(file.get_filename().split()) == " ".join((mime.clean(name) or "file").split())


# ---- Messages that come whole -----------------------------------------------------------------------------


def raw_mail(raw: bytes = RAW) -> Mail:
    return compose.compose(message(parts=None, raw=raw, subject="", sender_name=""), outgoing(), None)


def test_a_whole_message_keeps_its_bytes_but_for_the_headers_that_are_ours() -> None:
    mail = raw_mail()
    data = mail.as_bytes()
    assert data.endswith(b"\r\n\r\nHello\r\n.\r\nBye\r\n")
    assert b"X-Odd:  kept   as it is\r\n" in data
    assert data.startswith(b"Received: from app\r\n by us;\r\n Mon\r\n")
    for name in (b"Bcc", b"X-APIHEADER", b"X-TAGS"):
        assert name + b":" not in data
    assert mail.message_id == "own-1@acme.test"
    assert mail.subject == "Olá"
    assert mail.sender_name == "Acme É"
    assert data.count(b"Message-ID:") == data.count(b"Date:") == 1


def test_a_whole_message_without_id_and_date_gets_them() -> None:
    read = parsed(raw_mail(b"From: news@acme.test\r\n\r\nHi\r\n"))
    assert read["Message-ID"] == f"<{header_id(message().uid, 'bob@example.com', 'acme.test')}>"
    assert read["Date"].datetime == make.NOON


def test_the_texts_of_a_whole_message_can_be_changed() -> None:
    source = EmailMessage()
    source["From"], source["Subject"] = "news@acme.test", "Olá"
    source.set_content("plain é")
    source.add_alternative("<p>html é</p>", subtype="html")
    source.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    mail = raw_mail(source.as_bytes())
    assert (mail.html, mail.text) == ("<p>html é</p>\n", "plain é\n")
    untouched = mail.as_bytes()
    mail.html = "<p>" + "tracked é " * 200 + "</p>"
    mail.headers["List-Unsubscribe"] = "<https://acme.test/u>"
    read = parsed(mail)
    assert text_of(read.get_body(("html",))) == mail.html
    assert text_of(read.get_body(("plain",))) == "plain é"
    assert [part.get_filename() for part in read.iter_attachments()] == ["a.pdf"]
    assert read["List-Unsubscribe"] == "<https://acme.test/u>"
    assert b"tracked" not in untouched


def test_lines_no_server_needs_to_take_are_broken_where_that_hurts_nobody() -> None:
    long = "word " * 400
    mail = raw_mail(RAW.replace(b"Hello", long.encode()))
    assert text_of(parsed(mail)) == f"{long}\n.\nBye"
    assert parsed(mail)["X-Odd"] == "kept   as it is"


def test_a_signed_message_is_left_alone() -> None:
    signed = (
        b"From: news@acme.test\r\nContent-Type: multipart/signed; boundary=x; protocol=y\r\n\r\n--x\r\n"
        b"Content-Type: text/html\r\n\r\n<p>Hi</p>\r\n--x\r\nContent-Type: application/x\r\n\r\nz\r\n--x--\r\n"
    )
    mail = raw_mail(signed)
    assert mail.html is None
    assert mail.as_bytes().endswith(b"--x--\r\n")


# ---- From the database ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_files_are_read_once_for_all_recipients(django_assert_num_queries: Any) -> None:
    acme: Account = make.account()
    made = message(id=9_000_001, account_id=acme.pk)
    made.save()
    Attachment.objects.create(message=made, name="a.txt", content_type="text/plain", content=b"for all")
    stored = Message.objects.get(pk=made.pk)
    with django_assert_num_queries(1):
        mails = [compose.compose(stored, outgoing(email_id=n), None) for n in range(3)]
    assert [[file.name for file in mail.files] for mail in mails] == [["a.txt"]] * 3

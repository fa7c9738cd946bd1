"""What comes back as mail is understood: by the standards, by what others know, and by the habits of texts."""

from __future__ import annotations

import csv
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import truth
from delivery.bounces import read
from delivery.mailparts import take_apart
from delivery.reports import SUCCESSES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parents[1] / "fixtures" / "returned"
CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "bounces"
FROM_A_ROBOT = b"From: MAILER-DAEMON@example.net\nSubject: Undelivered Mail\nTo: news@acme.test\n"


def expected() -> list[Any]:
    with (FIXTURES / "expected.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    files = {row["file"]: [one for one in rows if one["file"] == row["file"]] for row in rows}
    return [pytest.param(name, found, id=name.removesuffix(".eml")) for name, found in files.items()]


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(("name", "rows"), expected())
def test_a_mail_is_read_as_what_it_is(name: str, rows: list[dict[str, str]]) -> None:
    report = read((FIXTURES / name).read_bytes())
    verdict = rows[0]["verdict"]
    if verdict in ("complaint", "autoreply"):
        assert report.kind == {"complaint": Kind.COMPLAINT, "autoreply": Kind.AUTO_REPLY}[verdict]
        assert report.feedback == rows[0]["feedback_type"]
        assert [one.address for one in report.recipients] == [row["recipient"] for row in rows if row["recipient"]]
        return
    told = {one.address: one for one in report.recipients}
    assert set(told) == {row["recipient"] for row in rows}
    for row in rows:
        one = told[row["recipient"]]
        assert one.action == row["action"]
        assert (one.action in SUCCESSES) == (row["verdict"] == "delivered")
        assert one.judgement.suppress == (row["verdict"] == "hard")
        if row["status"]:
            assert row["status"] in (one.status, one.judgement.enhanced)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("receipt", Kind.RECEIPT), ("unsubscribe", Kind.UNSUBSCRIBE), ("letter", Kind.UNKNOWN)],
)
def test_what_reports_no_delivery_is_no_report(name: str, kind: Kind) -> None:
    assert read(fixture(name)).kind is kind


def test_what_a_report_returns_tells_which_email_it_is_about() -> None:
    delivered = read(fixture("dsn-delivered"))
    assert delivered.envelope_id == "aaaa"
    assert delivered.original.first("message-id").startswith("<0123456789abcdef")
    assert delivered.recipients[0].original == "bob@example.com"
    for name in ("qmail", "exim", "sendmail-transcript", "complaint", "amazon-bounce", "vacation"):
        assert read(fixture(name)).original.first("message-id") == "<m1.1234@acme.test>", name


def test_the_answer_is_kept_word_for_word() -> None:
    told = {one.address: one.diagnostic for one in read(fixture("dsn-full-and-unknown")).recipients}
    assert told["eve@example.com"] == "550-5.1.1 The account does not exist. 550 5.1.1 Check it for typing errors."
    assert "552 message exceeds the quota of this mailbox" in read(fixture("qmail")).recipients[1].diagnostic


def test_a_second_word_about_the_same_recipient_is_the_last_one() -> None:
    both = b"".join(
        b"Final-Recipient: rfc822; bob@example.com\nAction: %s\nStatus: %s\n\n" % words
        for words in ((b"delayed", b"4.4.1"), (b"failed", b"5.1.1"))
    )
    report = read(
        b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n" + both
    )
    assert [(one.address, one.action) for one in report.recipients] == [("bob@example.com", "failed")]


def test_the_sender_is_not_taken_for_a_recipient() -> None:
    text = b"\nYour message from news@acme.test could not be delivered.\n\n550 5.1.1 <bob@example.com>: unknown\n"
    assert [one.address for one in read(FROM_A_ROBOT + text).recipients] == ["bob@example.com"]


def test_somebody_who_answers_a_report_sends_none() -> None:
    text = (
        b"From: Bob <bob@example.com>\nSubject: %sUndelivered Mail\n\nIt could not be delivered to eve@example.com.\n"
    )
    assert read(text % b"Re: ").kind is Kind.UNKNOWN
    assert read(text % b"").kind is Kind.BOUNCE


# ---- Whatever the bytes are -------------------------------------------------------------------------------


@given(st.binary(max_size=3000))
def test_no_bytes_are_too_odd(raw: bytes) -> None:
    assert read(raw).kind in Kind


PIECES = [
    b"\n", b"\r\n", b" ", b"--x", b"--x--", b"Content-Type: multipart/report; boundary=x", b"bob@example.com", b"<",
    b"Content-Type: message/delivery-status", b"Content-Type: message/feedback-report", b"Final-Recipient: rfc822;",
    b"Content-Type: text/html; charset=utf-7", b"Content-Transfer-Encoding: base64", b"Status: 5.1.1", b"=?utf-8?b?w?=",
    b"Content-Type: message/rfc822", b"From: mailer-daemon", b"Subject: Undelivered", b"550 user unknown", b'{"mail":[',
    b"\x1b$B", b"\xff\xfe", b"\0", b"X-Failed-Recipients: a@b.example", b"Action: failed", b"=3D",
    b"could not be delivered", b">",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_no_mail_is_too_odd(pieces: list[bytes]) -> None:
    for one in read(b"\n".join(pieces)).recipients:
        assert one.judgement is not None


def nested(levels: int) -> bytes:
    return b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(levels))


REPORT = b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n"
HUGE: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: b"\0" * 25_000_000,
    "nested": lambda: nested(20_000),
    "parts": lambda: b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\nhello\n" * 500_000,
    "recipients": lambda: REPORT + b"".join(b"Final-Recipient: rfc822;a%d@b.example\n\n" % n for n in range(300_000)),
    "addresses": lambda: FROM_A_ROBOT + b"\n" + b"".join(b"<a%d@b.example>: unknown\n" % n for n in range(300_000)),
    "one line": lambda: FROM_A_ROBOT + b"\n" + b"a@b.example could not be delivered " * 500_000,
    "tags": lambda: FROM_A_ROBOT + b"Content-Type: text/html\n\n" + b"<style <a " * 1_000_000,
    "encoded words": lambda: b"Subject: " + b"=?utf-8?q?a?= " * 1_000_000 + b"\n\n",
    "base64": lambda: FROM_A_ROBOT + b"Content-Transfer-Encoding: base64\n\n" + b"A" * 25_000_000,
    "punycode": lambda: FROM_A_ROBOT + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 500_000,
    "compressed": lambda: FROM_A_ROBOT + b"Content-Type: text/plain; charset=zlib\n\n" + b"x" * 500_000,
    "json": lambda: b"From: x\n\n" + b'{"mail":' + b"[" * 3_000_000,
    "words": lambda: FROM_A_ROBOT + b"\n" + b"".join(random.Random(1).choices(PIECES, k=300_000)),
}


@pytest.mark.parametrize("name", HUGE)
def test_no_mail_is_too_large(name: str) -> None:
    raw = HUGE[name]()
    begin = time.process_time()
    read(raw)
    assert time.process_time() - begin < 2


def test_a_mail_in_pieces_is_taken_apart_so_far_and_no_further() -> None:
    _headers, parts = take_apart(HUGE["parts"]())
    assert len(parts) == 50
    _headers, parts = take_apart(HUGE["nested"]())
    assert len(parts) == 1


# ---- Real mail --------------------------------------------------------------------------------------------


def test_real_mail_is_read_as_it_should_be() -> None:
    if not CORPUS.exists():
        pytest.skip(f"{CORPUS} is not here")
    ours, alone = truth.measure_bounces(CORPUS)
    assert ours.found >= 0.95
    assert ours.wrong <= 0.02
    assert ours.verdicts >= 0.9
    assert ours.complaints == 1
    assert ours.false_reports == 0
    assert ours.found > alone.found

"""What a server's answer comes to: by its clear words, its codes and its other words, in this order."""

from __future__ import annotations

import csv
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import codes
from feeds.codes import Verdict
from feeds.replies import classify

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "smtp-replies.tsv"

REPLIES = {
    Verdict.DELIVERED: [
        "250 2.0.0 Ok: queued as 4F1",
        "250 OK id=1abc-0002",
        "251 2.1.5 will forward",
    ],
    Verdict.HARD: [
        "550 5.1.1 <x@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        "550-5.1.1 The email account that you tried to reach does not exist.\n550 5.1.1 gsmtp",
        "554 5.7.1 <x@example.com>: Recipient address rejected: User unknown",
        "550 5.4.1 [x@example.com]: Recipient address rejected: Access denied. AS(201806281)",
        "554 delivery error: dd This user doesn't have an example.com account (x@example.com) [0]",
        "550 Adresse destinataire inconnue",
        "550 Destinatário desconhecido",
        "550 Empfänger unbekannt",
        "550 No existe: usuario desconocido",
        "550 宛先不明です",
        "556 5.1.10 Recipient address has null MX",
        "550 5.1.2 Host unknown (Name server: host not found)",
        "550",
        "550 5.1.1 x@example.com",
    ],
    Verdict.SOFT: [
        "451 4.7.1 Sorry, the service is currently unavailable. Please come back later.",
        "451 Account inbounds disabled",
        "550 5.2.2 user over quota; cannot receive new mail",
        "554 5.4.4 [internal] no answer from host",
        "452 4.2.2 The recipient's inbox is out of storage space.",
        "552 5.2.2 Mailbox full",
        # It exists, and may be switched on again. It is not tried again, and not suppressed.
        "550 5.2.1 The email account that you tried to reach is disabled.",
        "550 Mailbox is frozen",
        "550 5.1.1 mailbox is full",
        "450 4.1.1 <x@example.com>: Recipient address rejected: User unknown",
        "450 4.7.1 Greylisted, see http://postgrey.example.com/help",
        "451 4.7.1 Please try again later",
        "451 4.3.0 Error: queue file write error",
        "552 5.3.4 Message too large",
        "554 5.4.6 Too many hops",
        "421 Service not available, closing transmission channel",
        "450 4.1.2 Domain not found",
        "501 4.5.4 odd",
        "connect to mx.example.com[192.0.2.1]:25: Connection timed out",
        "",
        "no code and nothing to learn",
    ],
    Verdict.THROTTLE: [
        "421 4.3.2 Too many connections to this host.",
        "550 Domain frequency limited",
        "550 Exceeding outbound thread limit",
        "421 4.7.28 Our system has detected an unusual rate of email",
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints",
        "451 4.7.500 Server busy. Please try again later from [192.0.2.1].",
        "550 5.7.1 Daily SMTP relay sending limit exceeded for this customer.",
        "452 4.5.3 Too many recipients",
        "421 Too many concurrent SMTP connections",
        "550 5.7.508 Access denied, [192.0.2.1] has exceeded permitted limits",
    ],
    Verdict.BLOCK: [
        "550 5.7.1 There is an unusual rate of unsolicited mail from your IP address. Mail from it has been blocked.",
        "550 5.1.20 Multiple From addresses without a Sender",
        "421 4.7.1 [TS03] All messages from 1.2.3.4 will be permanently deferred; Retrying will NOT succeed.",
        "554-mx.example.net ESMTP Service not available 554-No SMTP service 554-IP address is black listed.",
        "550 5.7.1 Client host rejected: cannot find your hostname, [1.2.3.4]",
        "450 4.7.25 Client host rejected: cannot find your hostname, [1.2.3.4]",
        "550 message sent to invalid recipient blocked as spam trap",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "553 https://www.spamhaus.org/query/ip/192.0.2.1",
        "550 5.1.1 your IP is on our block list",
        "550 5.7.26 This mail is unauthenticated",
        "550 5.7.1 Email rejected per DMARC policy of example.com",
        "421 4.7.0 The IP address sending this message does not have a PTR record. It has been rate limited.",
        "550 5.1.0 <shop@example.com> sender rejected",
        "550 5.1.8 <shop@example.com>: Sender address rejected: Domain not found",
        "554 5.7.1 <x@example.com>: Relay access denied",
        "554 5.7.1 Message considered as spam",
        "550 Rejected",
        "550 Your account has been suspended, contact support",
        "550 Mail from host1.1.1.5 is no longer wanted",
        "554 5.6.0 malformed",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1].",
        "421 5.7.32 The From: header is not aligned with SPF or DKIM",
    ],
}


@pytest.mark.parametrize(("wanted", "reply"), [(kind, reply) for kind, found in REPLIES.items() for reply in found])
def test_an_answer_is_judged(wanted: Verdict, reply: str) -> None:
    judged = classify("", "", reply)
    assert judged.verdict is wanted
    assert judged.suppress == (wanted is Verdict.HARD)


def test_the_digits_of_an_address_are_no_code() -> None:
    assert classify("", "", "421 refused from 192.5.1.1").enhanced == ""
    assert classify("", "", "host mx[192.0.2.55] said: 450 4.2.0 later") == classify("450", "4.2.0", "450 4.2.0 later")


def test_what_the_caller_knows_counts_more_than_what_stands_in_the_words() -> None:
    assert classify("451", "", "550 5.1.1 user unknown").verdict is Verdict.SOFT
    assert classify("550", "5.1.1", "nothing to learn").verdict is Verdict.HARD


def test_only_an_answer_for_the_recipient_is_about_the_recipient() -> None:
    assert classify("550", "", "550", stage="mail").verdict is Verdict.BLOCK
    assert classify("550", "", "550 no such user", stage="connect").verdict is Verdict.BLOCK
    assert classify("550", "", "550 no such user", stage="rcpt").verdict is Verdict.HARD
    assert classify("550", "", "550 no such user", stage="end").verdict is Verdict.BLOCK
    assert classify("550", "5.1.1", "550 5.1.1 no such user", stage="data").verdict is Verdict.HARD
    assert classify("521", "", "521 here no mail is taken", stage="banner").verdict is Verdict.HARD


@pytest.mark.parametrize(
    ("reply", "final"),
    [
        ("550 5.1.1 user unknown", True),
        ("450 5.1.1 user unknown", False),
        ("550 5.7.1 spam", True),
        ("421 4.7.0 poor reputation", False),
        ("552 5.3.4 too large", True),
        ("550 5.2.1 account disabled", True),
        ("552 5.2.2 mailbox full", False),
        ("550 5.7.1 daily sending limit exceeded", False),
        ("451 later", False),
        ("connection timed out", False),
        ("nothing to learn", False),
    ],
)
def test_what_is_for_good_is_not_tried_again(reply: str, final: bool) -> None:
    assert classify("", "", reply).final is final


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        ("450 4.7.1 Greylisted for 300 seconds", timedelta(minutes=5)),
        ("421 try again in 15 minutes", timedelta(minutes=15)),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:59", None),
        ("450 retry after 2 hours", timedelta(hours=2)),
        ("450 wait at least 90s", timedelta(seconds=90)),
        ("450 come back after 99999 hours", timedelta(days=1)),
        ("450 4.2.0 later", None),
        ("550 5.1.1 user unknown, retry after 5 minutes", None),
    ],
)
def test_a_server_may_say_how_long_to_wait(reply: str, wait: timedelta | None) -> None:
    assert classify("", "", reply).retry_after == wait


@given(st.text(), st.text(), st.text())
def test_nothing_is_too_odd_to_be_judged(code: str, enhanced: str, reply: str) -> None:
    assert classify(code, enhanced, reply).verdict in Verdict


@pytest.mark.parametrize("piece", ["user ", "<", "@ ", "exceed ", "domain not ", "relay ", "5.1.", "é", "a.b"])
def test_a_huge_answer_is_judged_at_once(piece: str) -> None:
    begin = time.perf_counter()
    classify("", "", piece * 500_000)
    assert time.perf_counter() - begin < 0.5


def test_words_that_are_not_understood_never_suppress() -> None:
    judged = classify("550", "", "550 qwertz")
    assert judged.verdict is Verdict.BLOCK
    assert judged.why is codes.BASIC["550"]


def test_real_answers_are_judged_as_they_should_be() -> None:
    if not CORPUS.exists():
        pytest.skip(f"{CORPUS} is not here")
    with CORPUS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["confidence"] == "high"]
    judged = [(row["class"], classify("", "", row["reply"])) for row in rows]
    assert sum(found.verdict.name.lower() == wanted for wanted, found in judged) / len(rows) >= 0.92
    assert sum(found.suppress and wanted != "hard" for wanted, found in judged) / len(rows) <= 0.01

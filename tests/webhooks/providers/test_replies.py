from __future__ import annotations

import csv
from pathlib import Path

import pytest

from feeds.events import Bounce
from webhooks.providers.replies import bounce, enhanced_code

CORPUS = Path(__file__).parents[4] / "shared" / "corpora" / "smtp-replies.tsv"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("550 5.1.1 nobody", "5.1.1"),
        ("smtp;550 5.1.10 no", "5.1.10"),
        ("550-5.7.26 first line\n550 5.7.26 second", "5.7.26"),
        ("(#5.2.2)", "5.2.2"),
        ("[5.4.1]: ends here.", "5.4.1"),
        ("550 no code at all", ""),
        ("421 try 192.5.1.1 later", ""),
        ("host 5.1.1.2 said no", ""),
        ("at 10.5.1.1 said 452 4.2.2 full", "4.2.2"),
        ("version 5.1.1234", ""),
        ("550 3.1.1", ""),
    ],
)
def test_an_enhanced_code_is_found_and_an_address_is_none(reply: str, code: str) -> None:
    assert enhanced_code(reply) == code


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown",
        "550 5.1.10 null MX",
        "550 5.1.2 bad destination",
        "554 5.7.1 <x@example.com>: no such user here",
        "550 5.4.1 [x@example.com]: Recipient address rejected: Access denied",
        "550 unknown user",
        "551 not here",
        "550 5.5.0 Requested action not taken: mailbox unavailable",
        "554 delivery error: this user doesn't have an account",
    ],
)
def test_a_reply_about_a_dead_address_is_hard(reply: str) -> None:
    assert bounce(reply) is Bounce.HARD


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.2.1 The account is disabled",
        "552 5.2.2 The mailbox is over quota",
        "550 5.1.1 mailbox is full",
        "450 4.1.1 user unknown",
        "550 5.7.1 your message looks like spam",
        "550 5.1.1 your IP is on our block list",
        "550 blocked by policy",
        "421 too busy",
        "554 Too old",
        "554 rejected",
        "550 5.3.4 too large",
        "550 5.1.0 <shop@example.com> sender rejected",
        "",
        "nothing to learn from",
    ],
)
def test_any_other_reply_is_soft(reply: str) -> None:
    assert bounce(reply) is Bounce.SOFT


def test_a_code_beside_the_reply_decides_where_the_reply_does_not() -> None:
    assert bounce("sorry", "5.1.1") is Bounce.HARD
    assert bounce("", "550") is Bounce.HARD
    assert bounce("sorry", "550") is Bounce.SOFT
    assert bounce("sorry", "5.7.1") is Bounce.SOFT
    assert bounce("sorry", unsaid=Bounce.HARD) is Bounce.HARD
    assert bounce("sorry", "5.0.0", unsaid=Bounce.HARD) is Bounce.HARD
    assert bounce("mailbox full", "5.1.1", unsaid=Bounce.HARD) is Bounce.SOFT


def test_a_huge_reply_is_judged_by_its_beginning() -> None:
    assert bounce("550 5.1.1 user unknown " + "x" * 1_000_000) is Bounce.HARD
    assert bounce("@" * 1_000_000) is Bounce.SOFT


def test_real_replies_are_rarely_taken_for_a_dead_address() -> None:
    if not CORPUS.exists():
        pytest.skip(f"{CORPUS} is not here")
    with CORPUS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["class"] != "delivered"]
    hard = [row["class"] == "hard" for row in rows if bounce(row["reply"]) is Bounce.HARD]
    assert sum(hard) / len(hard) >= 0.9
    assert sum(hard) / sum(row["class"] == "hard" for row in rows) >= 0.9

"""What the answers of mail servers mean: every code is explained, and the words decide where the code is vague."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from feeds import answers, codes
from feeds.events import Bounce, Kind
from settings import extraction

PERMANENT, TEMPORARY = Kind.BOUNCED, Kind.DEFERRED
DETAILS = [key for key in codes.ENHANCED if key.count(".") == 1]
WHOLE = [key for key in codes.ENHANCED if key.count(".") == 2]


def explain(comment: str, code: str = "", kind: Kind = PERMANENT, bounce: Bounce = Bounce.NONE) -> Any:
    return answers.explain(SimpleNamespace(comment=comment, code=code, bounce=bounce), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [*WHOLE, *(f"{first}.{detail}" for detail in DETAILS for first in "45"), *codes.BASIC])
def test_every_code_is_explained_in_a_sentence(code: str) -> None:
    with translation.override("en"):
        told = explain("", code)
    assert told.code == code
    assert told.meaning.endswith(".")
    assert 15 < len(told.meaning) < 110


def test_every_advice_is_a_sentence_but_for_the_one_that_there_is_nothing_to_do() -> None:
    with translation.override("en"):
        said = {advice: str(advice.label) for advice in codes.Advice}
    assert said.pop(codes.Advice.NOTHING) == ""
    assert all(sentence.endswith(".") for sentence in said.values())


def test_the_codes_that_matter_are_there() -> None:
    assert len(DETAILS) + len(WHOLE) + len(codes.BASIC) >= 100


@pytest.mark.parametrize(
    ("comment", "code", "meaning"),
    [
        # The enhanced code first, given or found, then the basic one.
        ("550 5.1.1 whatever", "", codes.NO_MAILBOX),
        ("550-5.7.26 This mail has been blocked", "", codes.NOT_PROVEN),
        ("anything", "5.1.2", codes.NO_DOMAIN),
        ("smtp; 556 does not take mail", "", codes.NO_DOMAIN),
        ("host mx.example.com[192.5.1.1] said: 421 come back", "", codes.BUSY),
        ("250 2.0.0 OK 1794900090 d2si77 - gsmtp", "2.0.0", codes.TAKEN),
        ("250 Ok: queued", "", codes.TAKEN),
        # Behind a vague code the words decide.
        ("554 5.7.1 Service unavailable; blocked using zen.spamhaus.org", "5.7.1", codes.LISTED),
        ("550 5.7.1 user unknown", "5.7.1", codes.NO_MAILBOX),
        ("550 Requested action not taken: mailbox unavailable", "", codes.NO_MAILBOX),
        ("552 too large", "", codes.TOO_LARGE),
        ("450 4.7.1 Greylisted, see http://example.com", "4.7.1", codes.GREYLISTED),
        ("421 4.7.0 too many messages from your IP", "4.7.0", codes.TOO_MUCH),
        ("mailbox is full", "", codes.FULL),
        ("421 4.7.0 The IP address sending this message does not have a PTR record", "4.7.0", codes.NO_NAME),
        ("550 5.7.1 Messages having no From: header are not accepted", "5.7.1", codes.BAD_FROM),
        ("550 5.1.0 sender rejected", "5.1.0", codes.BAD_SENDER),
        ("550 DMARC Sender Invalid - envelope rejected", "", codes.NOT_PROVEN),
        ("550 5.2.1 User Unknown", "5.2.1", codes.NO_MAILBOX),
        ("550 5.2.1 The account is disabled", "5.2.1", codes.SWITCHED_OFF),
        ("550 5.4.1 Relay Access Denied", "5.4.1", codes.NO_RELAY),
        ("550 Mail rejected by Outlook.com for policy reasons", "", codes.AGAINST_RULES),
        ("550 5.7.1 authentication required", "5.7.1", codes.NO_LOGIN),
        ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "5.4.1", codes.NO_MAILBOX),
        ("450 4.2.1 The user you are trying to contact is receiving mail too quickly.", "4.2.1", codes.TOO_MUCH),
        # A clear code is not talked away by words, and addresses are no words.
        ("550 5.1.1 spam", "", codes.NO_MAILBOX),
        ("550 5.0.0 <no-spam@example.com>: refused", "", codes.ENHANCED["0.0"]),
        # What nobody has described: its range, its subject, its class.
        ("550 5.7.620 Access denied", "", codes.LISTED),
        ("451 4.7.850 Access denied, please try again later", "", codes.ENHANCED["7.500"]),
        ("550 5.7.710 Unusual traffic", "", codes.BANNED),
        ("550 5.2.99 odd", "", codes.ENHANCED["2.0"]),
        ("550 5.9.9 odd", "", codes.CLASSES["5"]),
        ("432 odd", "", codes.CLASSES["4"]),
        ("559 odd", "", codes.CLASSES["5"]),
    ],
)
def test_an_answer_is_looked_up_by_code_and_words(comment: str, code: str, meaning: codes.Code) -> None:
    assert explain(comment, code).meaning == str(meaning[0])


@pytest.mark.parametrize("comment", ["", "odd", "refused at 192.5.1.1", "order 4711", "1.2.3.4.5"])
def test_an_answer_without_code_and_known_words_is_left_to_speak_for_itself(comment: str) -> None:
    assert explain(comment) is None


@pytest.mark.parametrize(
    ("kind", "bounce", "then"),
    [
        (Kind.DEFERRED, Bounce.NONE, "It is tried again by itself, for some days."),
        (Kind.BOUNCED, Bounce.HARD, "It is not tried again, and the address was put on the suppression list."),
        (Kind.BOUNCED, Bounce.SOFT, "It is not tried again. The address was not suppressed"),
        (Kind.DELIVERED, Bounce.NONE, ""),
    ],
)
def test_what_happens_next_follows_from_the_event_not_from_the_code(kind: Kind, bounce: Bounce, then: str) -> None:
    with translation.override("en"):
        assert explain("550 5.1.1 no", kind=kind, bounce=bounce).then.startswith(then)


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("Bounced Address", "An earlier email to this address bounced."),
        ("Unsubscribed Address", "The recipient unsubscribed before."),
        ("Spam Reporting Address", "The recipient reported an earlier email as spam."),
        ("Invalid", "The address is not written in a valid form."),
        ("suppressed", "The address is on a list of addresses that are not mailed."),
    ],
)
def test_the_reason_of_a_drop_is_explained(comment: str, words: str) -> None:
    with translation.override("en"):
        assert explain(comment, kind=Kind.DROPPED).meaning == words


def test_every_sentence_is_found_by_whoever_translates() -> None:
    told = {key.message for key in extraction.messages(Path(__file__).parents[2])}
    with translation.override(None):
        table = [*codes.ENHANCED.values(), *codes.BASIC.values(), *codes.CLASSES.values()]
        said = {str(meaning) for meaning, _advice, _verdict in table} | {str(advice.label) for advice in codes.Advice}
    assert said - told == {""}

"""The answer of a mail server, explained: what it says of the address, what happens next, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from feeds import codes
from feeds.events import Bounce, Kind

if TYPE_CHECKING:
    from feeds.models import Email, StoredEvent

# RFC 3463. Nothing but blanks and punctuation may stand around it: 192.5.1.1 is no code, nor is 5.1.1.2.
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
# RFC 5321: at the beginning, but for what the sending server put before it ("smtp; 550 ...", "host said: 550-...").
_BASIC = re.compile(r"(?<![\d.])([245][0-5]\d)(?![\d.])")
# Addresses and links are no words of the answer: "no-spam@example.com" says nothing of spam.
_NOT_WORDS = re.compile(r"<[^<>]*>|\S+@\S+|\bhttps?:\S+")
_WORDS = [(re.compile(pattern, re.IGNORECASE), code) for pattern, code in codes.WORDS]
_DROPS = [(re.compile(pattern, re.IGNORECASE), code) for pattern, code in codes.DROPS]
# Microsoft's words for "no such recipient", which look like a block; theirs is the only 5.4.1 people meet.
_NOBODY_AT_MICROSOFT = re.compile(r"recipient address rejected: access denied", re.IGNORECASE)
# Google says "this user has exceeded" under 5.2.1 and 4.2.1, where the registry has a mailbox that is switched off.
_RATE_AT_GOOGLE = re.compile(r"receiving (?:mail|e-?mail)s? (?:too quickly|at a rate)", re.IGNORECASE)
# What decides stands at the beginning, and no answer may keep a page waiting.
READ = 2000


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer in plain words. `code` is what was looked up; `then` and `todo` may be empty."""

    code: str
    meaning: str
    then: str
    todo: str


def enhanced_code(reply: str) -> str:
    """The enhanced status code (RFC 3463) in a reply, or "". The digits of an IP address are not one."""
    found = _ENHANCED.search(reply)
    return found[1] if found else ""


def basic_code(reply: str) -> str:
    """The three-digit code (RFC 5321) in a reply, or ""."""
    found = _BASIC.search(reply)
    return found[1] if found else ""


def explain(told: StoredEvent | Email, kind: Kind) -> Explanation | None:
    """What the comment and the code of this event or email mean; None where there is nothing to explain.

    `kind` is that of the event the comment is of.
    """
    reply = told.comment[:READ]
    code = enhanced_code(told.code) or enhanced_code(reply) or basic_code(told.code) or basic_code(reply)
    found = _dropped(reply) if kind is Kind.DROPPED else None
    found = found or _looked_up(code, _NOT_WORDS.sub(" ", reply))
    if found is None:
        return None
    meaning, advice = found
    return Explanation(code, str(meaning), then(kind, Bounce(told.bounce)), str(advice.label))


def then(kind: Kind, bounce: Bounce) -> str:
    """What happens next after an answer of this kind; "" where nothing does."""
    if kind is Kind.DEFERRED:
        return _("It is tried again by itself, for some days.")
    if kind is Kind.BOUNCED and bounce is Bounce.HARD:
        return _("It is not tried again, and the address was put on the suppression list.")
    if kind is Kind.BOUNCED:
        return _("It is not tried again. The address was not suppressed: the next email to it goes out as usual.")
    if kind is Kind.DROPPED:
        return _("It was never sent, and further emails to this address are dropped too while the reason stays.")
    return ""


def _dropped(reply: str) -> codes.Code | None:
    return next((code for pattern, code in _DROPS if pattern.search(reply)), None)


def _looked_up(code: str, words: str) -> codes.Code | None:
    """The exact meaning of the code; for the general ones first what the words of the answer say."""
    if code.startswith("2"):
        return codes.ENHANCED.get(code, codes.TAKEN)
    if _NOBODY_AT_MICROSOFT.search(words):
        return codes.NO_MAILBOX
    if _RATE_AT_GOOGLE.search(words):
        return codes.TOO_MUCH
    detail = code.partition(".")[2] or code
    exact = codes.ENHANCED.get(code) or codes.ENHANCED.get(detail) or _ranged(detail)
    if exact is None or detail in codes.GENERAL:
        said = next((found for pattern, found in _WORDS if pattern.search(words)), None)
        if said is not None:
            return said
    return exact or codes.BASIC.get(code) or codes.SUBJECTS.get(detail.partition(".")[0]) or codes.CLASSES.get(code[:1])


def _ranged(detail: str) -> codes.Code | None:
    """The meaning of the range the detail of an enhanced code is in."""
    subject, _dot, number = detail.partition(".")
    return next(
        (meaning for s, first, last, meaning in codes.RANGES if s == subject and first <= int(number) <= last), None
    )

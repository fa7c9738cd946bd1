"""What the answer of a mail server comes to: accepted, dead, refused for now, too much at a time, or unwanted.

Its words decide first where they are clear, then its enhanced code (RFC 3463), then its other words, then its basic
code (RFC 5321): servers put "mailbox full" behind 5.1.1 and "user unknown" behind 5.7.1 and 554, and a bare 550 is a
rule as often as a missing mailbox. In doubt an address is not dead: a hard bounce keeps a person from all further
email.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from feeds import codes, wordings
from feeds.codes import Advice, Code, Verdict

# RFC 3463. Nothing but blanks and punctuation may stand around it: 192.5.1.1 is no code, nor is 5.1.1.2.
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
# RFC 5321: at the beginning, but for what the sending server put before it ("smtp; 550 ...", "host said: 550-...").
_BASIC = re.compile(r"(?<![\d.])([245][0-5]\d)(?![\d.])")
# Addresses and links are no words of the answer: "no-spam@example.com" says nothing of spam.
_NOT_WORDS = re.compile(r"<[^<>]*>|\S+@\S+|\bhttps?:\S+")
# The links in which the answer is said, by some in no other place.
_LINK = re.compile(r"\bhttps?:\S+", re.IGNORECASE)
_LISTS = re.compile(r"spamhaus|spamcop|barracudacentral|sorbs|/rbl|dnsbl|black ?list|block ?list|sender\.office\.com")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_WAIT = re.compile(
    r"(?:in|after|for|within|least|wait|retry|again)\W{0,3}(\d{1,5}) ?(s|sec|seconds?|m|min|minutes?|h|hours?)\b"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
# Details from here on are nobody's slip: who gives them means them. Those below are used for anything.
EXACT = 17
# What is said before the first recipient cannot be about the recipient.
EARLY = frozenset({"connect", "banner", "ehlo", "starttls", "tls", "auth", "mail"})
# No judgement of the sender while they are only for now, as are all of 4.5 (how servers talk) and 4.6 (contents).
_PASSES = (codes.MISUNDERSTOOD, codes.CONTENT, codes.NO_LOGIN, codes.ENCRYPTION)
_ABOUT_THEM = ("5.1.", "5.4.", "5.5.")
LATE = frozenset({"data", "end"})
# What decides stands at the beginning, and no answer may keep anybody waiting.
READ = 2000
LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer comes to.

    `final`: trying again is pointless. `retry_after` is how long the server asks to wait, at most a day. `code` and
    `enhanced` are those that were given or found, `why` says it in words; None where the answer says nothing at all.
    """

    verdict: Verdict
    final: bool
    retry_after: timedelta | None
    code: str
    enhanced: str
    why: Code | None

    @property
    def suppress(self) -> bool:
        """Whether the address must not be mailed again."""
        return self.verdict is Verdict.HARD


def enhanced_code(reply: str) -> str:
    """The enhanced status code (RFC 3463) in a reply, or "". The digits of an IP address are not one."""
    found = _ENHANCED.search(reply)
    return found[1] if found else ""


def basic_code(reply: str) -> str:
    """The three-digit code (RFC 5321) in a reply, or ""."""
    found = _BASIC.search(reply)
    return found[1] if found else ""


def classify(code: str, enhanced: str, reply: str, *, stage: str = "") -> Judgement:
    """Judge an answer. Codes that are not given, "", are looked for in the reply.

    `stage` is the command that was answered, in lower case: connect, banner, ehlo, tls, auth, mail, rcpt, data, and end
    (of the contents).
    """
    reply = reply[:READ]
    basic = basic_code(code) or basic_code(reply)
    enhanced = enhanced_code(enhanced) or enhanced_code(reply)
    if (basic or enhanced).startswith("2"):
        return Judgement(Verdict.DELIVERED, True, None, basic, enhanced, meaning(enhanced, basic, reply))
    passing = basic[:1] == "4" or enhanced[:1] == "4"
    why = meaning(enhanced, basic, reply)
    verdict = _verdict(why, enhanced, reply, passing=passing)
    if verdict is Verdict.HARD and _is_not_about_them(stage, basic, enhanced, why):
        verdict = Verdict.BLOCK
    final = bool(basic or enhanced or verdict is Verdict.HARD) and not passing and not _passes_by_itself(verdict, why)
    return Judgement(verdict, final, None if final else retry_after(reply), basic, enhanced, why)


def meaning(enhanced: str, basic: str, reply: str) -> Code | None:
    """What an answer with these codes, either of them "" where it has none, says; None where it says nothing."""
    if (basic or enhanced).startswith("2"):
        return codes.ENHANCED.get(enhanced, codes.TAKEN)
    detail = enhanced.partition(".")[2]
    exact = codes.ENHANCED.get(enhanced) or codes.ENHANCED.get(detail) or _ranged(detail)
    if exact and int(detail.partition(".")[2]) >= EXACT:
        return exact
    words = plain(reply)
    vague = exact is None or detail in codes.GENERAL
    said = _first(wordings.CLEAR, words) or _linked(reply)
    if said is not None:
        # Where both say the same, the code says it more precisely.
        return exact if exact and not vague and exact.verdict is said.verdict else said
    if exact and not vague:
        return exact
    passing = basic[:1] == "4" or enhanced[:1] == "4"
    return (
        (_first(wordings.PASSING, words) if passing else None)
        or _first(wordings.HINTS, words)
        or exact
        or (codes.SUBJECTS.get(detail.partition(".")[0]) if detail else codes.BASIC.get(basic))
        or codes.CLASSES.get((basic or enhanced)[:1])
    )


def plain(reply: str) -> str:
    """The words of an answer as they are compared: lower case, without accents, addresses and links."""
    words = unicodedata.normalize("NFKD", _NOT_WORDS.sub(" ", reply[:READ]).replace("’", "'")).lower()
    return " ".join("".join(letter for letter in words if not unicodedata.combining(letter)).split())


def retry_after(reply: str) -> timedelta | None:
    """How long the server asks to wait, at most a day; None where it does not say."""
    found = _WAIT.search(plain(reply))
    if found is None:
        return None
    return min(timedelta(seconds=int(found[1]) * _SECONDS[found[2][0]]), LONGEST_WAIT)


def _verdict(why: Code | None, enhanced: str, reply: str, *, passing: bool) -> Verdict:
    if why is None:
        return Verdict.SOFT
    if why is codes.BASIC["550"] or why is codes.BASIC["553"]:
        # The general code, and words nobody understands: as often a rule as a missing mailbox.
        return Verdict.BLOCK if _LETTERS.search(plain(reply)) else Verdict.HARD
    if passing and (why.verdict is Verdict.HARD or any(why is one for one in _PASSES)):
        return Verdict.SOFT
    if passing and why.verdict is Verdict.BLOCK and enhanced[2:3] in ("5", "6"):
        return Verdict.SOFT
    return why.verdict


def _is_not_about_them(stage: str, basic: str, enhanced: str, why: Code | None) -> bool:
    """Before the first recipient nothing is. After the contents 550 is a rule (RFC 5321, 4.3.2), also where a filter
    says "unknown user", as those of carriers do; but an enhanced code that is about the address counts.
    """
    if why is codes.NO_DOMAIN:
        return False
    return stage in EARLY or (stage in LATE and basic == "550" and enhanced[:4] not in _ABOUT_THEM)


def _passes_by_itself(verdict: Verdict, why: Code | None) -> bool:
    return verdict is Verdict.THROTTLE or bool(why and why.advice in (Advice.ROOM, Advice.WAIT))


def _first(table: wordings.Wordings, words: str) -> Code | None:
    return next((code for pattern, code in table if pattern.search(words)), None)


def _linked(reply: str) -> Code | None:
    """A blocklist that is only named by the link to it."""
    return codes.LISTED if any(_LISTS.search(link.lower()) for link in _LINK.findall(reply)) else None


def _ranged(detail: str) -> Code | None:
    """The meaning of the range the detail of an enhanced code is in."""
    subject, _dot, number = detail.partition(".")
    return next(
        (meaning for s, first, last, meaning in codes.RANGES if s == subject and first <= int(number) <= last), None
    )

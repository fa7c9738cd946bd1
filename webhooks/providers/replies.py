"""Hard or soft by what the recipient's server answered, for providers that do not say it, or say it too broadly.

The text decides first, then the enhanced code, then the basic code: servers put policy texts behind "550", and
"user unknown" behind 5.7.1 (Yandex, Trend Micro), 5.5.0 (Orange, Outlook.com) and 554 (Yahoo).
"""

from __future__ import annotations

import re

from feeds.answers import enhanced_code
from feeds.events import Bounce

__all__ = ["HARD_BASIC", "HARD_CODES", "bounce", "enhanced_code"]

_BASIC = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")
_NOT_WORDS = re.compile(r"<[^<>]*>|\S+@\S+|\bhttps?:\S+")

# RFC 3463, RFC 7505 (null MX), RFC 7293 (owner changed); 5.1.351, 5.4.310 and 5.7.504 are Microsoft's.
HARD_CODES = frozenset(
    {
        "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.1.351", "5.2.1", "5.4.4", "5.4.310",
        "5.7.13", "5.7.17", "5.7.18", "5.7.504",
    }
)  # fmt: skip
# Basic codes that speak of the address where neither text nor enhanced code says more (RFC 5321, 7504, 7505).
HARD_BASIC = frozenset({"521", "550", "551", "553", "556"})


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


_PASSES = _any_of(
    r"quota|out of storage|full mailbox|(?:mail ?box|inbox) .{0,12}full|insufficient storage|too (?:large|big)",
    r"gr[ae]y ?list|try again|try later|temporar|too quickly|too many (?:rec|mes|con|e-?mail)|rate.?limit|throttl",
    r"exceed|time[sd]? ?out|too old|expired|unable to find mx|no mx\b|loop",
)
_DEAD = _any_of(
    r"(?:user|recipient|mailbox|address|account|inbox|domain|host)s?\b.{0,24}\b(?:unknown|not (?:found|exist|known))",
    r"(?:user|recipient|mailbox|address|account|inbox|domain|host)s?\b.{0,24}\b(?:does(?: not|n't) exist|no longer)",
    r"(?:user|recipient|mailbox|address|account)\b.{0,24}\b(?:disabled|deactivated|inactive|unallocated|suspended)",
    r"(?:unknown|no such|invalid|non-?existent|bad destination|disabled|undeliverable) (?:local |virtual )?"
    r"(?:user|recipient|mailbox|address|account|domain|host|e?-?mail)",
    r"invalid-recipient|recipnotfound|user doesn't have|destinataire invalide|no mailbox here",
    r"does not (?:exist|accept mail)|mailbox has moved|mailbox unavailable|unrouteable|recipient unavailable",
)
# Microsoft's words for "no such recipient": they look like a block, and SparkPost files them under hard, too.
_DEAD_AT_MICROSOFT = _any_of(r"5\.(?:4\.1|7\.504)\b.{0,80}recipient address rejected: access denied")
_REFUSED = _any_of(
    r"spam|block|black ?list|policy|reputation|dmarc|\bspf\b|dkim|virus|malware|suspicious|unsolicited|abus|phish",
    r"relay|authenticat|not authorized|permission|restricted|\bsender|access denied|banned|administrative|forbidden",
    r"content|protocol|rejected by recipients|\bptr\b|reverse dns|\btls\b|message (?:rejected|refused)",
)


def bounce(reply: str, code: str = "", unsaid: Bounce = Bounce.SOFT) -> Bounce:
    """Whether a final refusal says that the address is dead.

    `code` is an enhanced or basic code the provider gives beside the reply; `unsaid` is for a reply that says
    nothing about it. When in doubt it is soft: a hard bounce keeps a person from all further email.
    """
    reply = reply[:2000]  # what decides stands at the beginning, and no reply may keep a worker busy
    enhanced = enhanced_code(reply) or enhanced_code(code)
    found = _BASIC.search(reply) or _BASIC.search(code)
    basic = found[1] if found else ""
    said = _NOT_WORDS.sub(" ", reply)
    if _DEAD_AT_MICROSOFT.search(said):
        return Bounce.HARD
    if enhanced[:1] == "4" or basic[:1] == "4" or _PASSES.search(said):
        return Bounce.SOFT
    if _DEAD.search(said):
        return Bounce.HARD
    if _REFUSED.search(said):
        return Bounce.SOFT
    return _by_code(enhanced, basic, unsaid)


def _by_code(enhanced: str, basic: str, unsaid: Bounce) -> Bounce:
    if enhanced in HARD_CODES:
        return Bounce.HARD
    if enhanced not in ("", "5.0.0"):
        return Bounce.SOFT
    if basic:
        return Bounce.HARD if basic in HARD_BASIC else Bounce.SOFT
    return unsaid

"""The answer of a mail server, explained: what it says of the address, what happens next, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from feeds import codes, replies
from feeds.events import Bounce, Kind

if TYPE_CHECKING:
    from feeds.models import Email, StoredEvent

_DROPS = [(re.compile(pattern, re.IGNORECASE), code) for pattern, code in codes.DROPS]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer in plain words. `code` is what was looked up; `then` and `todo` may be empty."""

    code: str
    meaning: str
    then: str
    todo: str


def explain(told: StoredEvent | Email, kind: Kind) -> Explanation | None:
    """What the comment and the code of this event or email mean; None where there is nothing to explain.

    `kind` is that of the event the comment is of.
    """
    reply = told.comment[: replies.READ]
    enhanced = replies.enhanced_code(told.code) or replies.enhanced_code(reply)
    basic = replies.basic_code(told.code) or replies.basic_code(reply)
    found = _dropped(reply) if kind is Kind.DROPPED else None
    found = found or replies.meaning(enhanced, basic, reply)
    if found is None:
        return None
    return Explanation(enhanced or basic, str(found.meaning), then(kind, Bounce(told.bounce)), str(found.advice.label))


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

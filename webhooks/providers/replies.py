"""Hard or soft by what the recipient's server answered, for providers that do not say it, or say it too broadly."""

from __future__ import annotations

from feeds import codes
from feeds.codes import Verdict
from feeds.events import Bounce
from feeds.replies import basic_code, classify, enhanced_code

__all__ = ["bounce", "enhanced_code"]

# These say no more than that it failed.
_NOTHING_SAID = (None, codes.ENHANCED["0.0"], *codes.CLASSES.values())


def bounce(reply: str, code: str = "", unsaid: Bounce = Bounce.SOFT) -> Bounce:
    """Whether a final refusal says that the address is dead.

    `code` is an enhanced or basic code the provider gives beside the reply; `unsaid` is for a reply that says
    nothing about it. When in doubt it is soft: a hard bounce keeps a person from all further email.
    """
    judged = classify(basic_code(reply) or basic_code(code), enhanced_code(reply) or enhanced_code(code), reply)
    if judged.why in _NOTHING_SAID:
        return unsaid
    return Bounce.HARD if judged.verdict is Verdict.HARD else Bounce.SOFT

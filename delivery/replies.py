"""What a server's answer means for the address and for the schedule. `feeds.replies` tells which answer is which."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from feeds.codes import Verdict
from feeds.replies import Judgement, classify

__all__ = ["Consequence", "Judgement", "Verdict", "classify", "consequence"]


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from an answer, in plain words for the account's people."""

    address: str
    schedule: str


def consequence(verdict: Verdict, *, final: bool) -> Consequence:
    """What this verdict means; `final` as it is in the judgement."""
    return Consequence(_address(verdict), _schedule(verdict, final=final))


def _address(verdict: Verdict) -> str:
    match verdict:
        case Verdict.DELIVERED:
            return _("The address is in order.")
        case Verdict.HARD:
            return _("The address is dead. It is put on the suppression list, and no further email goes to it.")
        case Verdict.SOFT:
            return _("The address may be in order. It is not suppressed.")
        case Verdict.THROTTLE:
            return _("The address is in order: it was too much at a time.")
        case Verdict.BLOCK:
            return _(
                "It says nothing against the address, which is not suppressed: the sender or the email is refused."
            )


def _schedule(verdict: Verdict, *, final: bool) -> str:
    match verdict:
        case Verdict.DELIVERED:
            return _("Nothing is left to do.")
        case Verdict.THROTTLE:
            return _("Everything to this destination is slowed down, and let go bit by bit.")
        case Verdict.BLOCK if final:
            return _("It is not tried again. The account's people are told, because further emails may be refused too.")
        case Verdict.BLOCK:
            return _("It is tried again. The account's people are told, because further emails may be refused too.")
        case _ if final:
            return _("It is not tried again.")
        case _:
            return _("It is tried again until its time runs out; then it bounces.")

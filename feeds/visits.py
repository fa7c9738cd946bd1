"""Why an open or a click counts as a person's or a machine's: the words for what was found (`tracking.persons`).

Events of the mail that is sent from here keep it as their comment, each reason by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

REASONS: dict[str, _StrPromise] = {
    "apple": gettext_lazy("Apple loads all pictures ahead, whether anybody looks or not"),
    "gmail-ahead": gettext_lazy("Gmail loaded it before anybody looked"),
    "yahoo-ahead": gettext_lazy("Yahoo loaded it before anybody looked"),
    "scanner": gettext_lazy("a security scanner by its own name"),
    "scanner-network": gettext_lazy("it came from the network of a security scanner"),
    "provider-network": gettext_lazy("it came from a network of Google, Microsoft or Apple"),
    "preview": gettext_lazy("a preview for a chat or a message"),
    "program": gettext_lazy("a program without a person"),
    "head": gettext_lazy("it only asked whether the link works (HEAD)"),
    "after-head": gettext_lazy("right before, the same visitor asked only whether the link works"),
    "prefetch": gettext_lazy("loaded ahead by the browser"),
    "hidden": gettext_lazy("nobody can see this link"),
    "sweep": gettext_lazy("three or more links within two seconds"),
    "sweeper": gettext_lazy("the same visitor followed three or more links within two seconds"),
    "before-delivery": gettext_lazy("it came before the email was delivered"),
    "at-delivery": gettext_lazy("it came within seconds of the delivery"),
    "crowd": gettext_lazy("many emails were visited from this address within a minute"),
    "echo": gettext_lazy("another program followed the same link a moment before"),
    "nameless": gettext_lazy("the program did not say its name"),
    "mute": gettext_lazy("the program named no language"),
    "unsure": gettext_lazy("it may have been a machine"),
}


def names(comment: str) -> list[str]:
    """The reasons this comment names; none where it is something else."""
    found = comment.split(", ") if comment else []
    return found if all(name in REASONS for name in found) else []


def words(comment: str) -> str:
    """The comment of an open or a click for people."""
    found = names(comment)
    if not found:
        return comment
    return _("Judged by: %(reasons)s.") % {"reasons": "; ".join(str(REASONS[name]) for name in found)}

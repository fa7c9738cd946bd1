"""What was taken off, and putting it back: with the causes it had then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q

from suppression import removing
from suppression.models import Removed, Suppression
from suppression.targets import shown

if TYPE_CHECKING:
    from suppression.lists import List

# Of a target that went more often the newest are shown.
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Gone:
    """An earlier removal of a target; `may_return` says whether it was not put back yet."""

    removed: Removed
    may_return: bool

    @property
    def causes(self) -> list[dict[str, Any]]:
        """With their times as such."""
        return [one | {"at": datetime.fromisoformat(one["at"])} for one in self.removed.causes]


def earlier(at: List, target: str) -> list[Gone]:
    """What was taken off of this target, the newest first. Index: suppression_removed_target."""
    found = Removed.objects.filter(account=at.account, target=target).select_related("removal", "removal__user")
    newest = found.order_by("-removal_id", "-id")[:MOST_SHOWN]
    return [Gone(removed, not removed.is_back) for removed in newest]


@transaction.atomic
def put_back(at: List, removed: Removed) -> Suppression | None:
    """Put back what this was, as it was; None where it was put back before, and taken off again. The removal stays in
    the history."""
    if removing.restore(removed.removal, Q(id=removed.id)):
        at.note("suppression.returned", shown(removed.target, removed.covers))
    return at.entries.filter(target=removed.target, reason=removed.reason).first()

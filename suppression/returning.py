"""What was taken off, and putting it back: with the causes it had then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.models import ApiKey, User
from suppression import causes
from suppression.causes import Cause
from suppression.models import Covers, Origin, Reason, Removed, Suppression
from suppression.targets import Target, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suppression.lists import List

# Of a target that went more often the newest are shown.
MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Gone:
    """An earlier removal of a target; `may_return` says whether there is something to put back."""

    removed: Removed
    may_return: bool

    @property
    def causes(self) -> list[dict[str, Any]]:
        """With their times as such."""
        return [one | {"at": datetime.fromisoformat(one["at"])} for one in self.removed.causes]


def earlier(at: List, target: str) -> list[Gone]:
    """What was taken off of this target, the newest first. Index: suppression_removed_target."""
    found = Removed.objects.filter(account=at.account, target=target).select_related("removal", "removal__user")
    there = set(at.entries.filter(target=target).values_list("reason", flat=True))
    newest = found.order_by("-removal_id", "-id")[:MOST_SHOWN]
    return [Gone(removed, removed.reason not in there or not removed.is_whole) for removed in newest]


@transaction.atomic
def put_back(at: List, removed: Removed) -> Suppression:
    """Put back what this was, as it was. The removal stays in the history. Whoever is gone since is named, no more."""
    causes.add(_causes(at.account_id, [removed]))
    at.note("suppression.returned", shown(removed.target, removed.covers))
    return at.entries.get(target=removed.target, reason=removed.reason)


def _causes(account_id: int | None, rows: Iterable[Removed]) -> list[Cause]:
    kept = [(row, one) for row in rows for one in row.causes]
    users = _there(User, {one["user_id"] for _row, one in kept})
    keys = _there(ApiKey, {one["key_id"] for _row, one in kept})
    return [
        Cause(
            account_id=account_id, target=Target(row.target, Covers(row.covers), row.domain),
            reason=Reason(row.reason), origin=Origin(one["origin"]), ident=one["ident"], at=_time(one["at"]),
            until=_time(one["until"]) if one["until"] else None, added_at=_time(one["added_at"]),
            source_id=one["source_id"], email_id=one["email_id"], event_key=one["event_key"],
            import_id=one["import_id"], user_id=users.get(one["user_id"]), key_id=keys.get(one["key_id"]),
            actor_name=one["actor_name"], comment=one["comment"], note=one["note"],
        )
        for row, one in kept
    ]  # fmt: skip


def _there(model: type[User] | type[ApiKey], ids: set[int | None]) -> dict[int | None, int]:
    wanted = [one for one in ids if one is not None]
    return (
        {one: one for one in model._default_manager.filter(pk__in=wanted).values_list("pk", flat=True)}
        if wanted
        else {}
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

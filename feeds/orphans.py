"""What could not be placed: emails whose event named no message, and events of kinds nobody here knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from feeds.events import Kind
from feeds.models import Email, StoredEvent, id_at

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.access import Access

# The words of so many unknown events, the newest, are counted.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of unknown events begins: before this event."""

    email_id: int
    key: int

    def __str__(self) -> str:
        return f"{self.email_id}.{self.key}"

    @classmethod
    def read(cls, given: str) -> Place | None:
        """The place an address names; None for what is none."""
        email_id, dot, key = given.partition(".")
        digits = key.removeprefix("-")
        if not (given.isascii() and dot and email_id.isdecimal() and digits.isdecimal() and len(given) < 42):
            return None
        found = cls(int(email_id), int(key))
        return found if found.email_id < 2**63 and -(2**63) <= found.key < 2**63 else None


def unknown(access: Access, now: datetime, limit: int, before: Place | None = None) -> list[StoredEvent]:
    """Events of unknown kinds, those of the newest emails first. Index: feeds_event_rare."""
    low = id_at(access.account.kept_since(now))
    found = StoredEvent.objects.filter(account=access.account, kind=Kind.UNKNOWN, email_id__gte=low)
    if before is not None:
        # Not as a comparison of pairs: that would invite PostgreSQL to walk the primary key instead.
        rest = Q(email_id__lt=before.email_id) | Q(key__lt=before.key)
        found = found.filter(rest, email_id__lte=before.email_id)
    return list(found.select_related("email").order_by("-email_id", "-key")[:limit])


def words(access: Access, now: datetime) -> list[tuple[int, str, int]]:
    """Which source says which unknown word, and how often among the newest events; the most frequent first."""
    low = id_at(access.account.kept_since(now))
    newest = StoredEvent.objects.filter(account=access.account, kind=Kind.UNKNOWN, email_id__gte=low)
    told = Counter(newest.order_by("-email_id").values_list("source_id", "name")[:MOST_COUNTED])
    return [(source_id, name, times) for (source_id, name), times in told.most_common(20)]


def orphans(access: Access, now: datetime, limit: int, before: int | None = None) -> list[Email]:
    """Emails whose event named no message, newest first. Index: feeds_email_orphan."""
    found = Email.objects.visible_in(access, now).filter(message_id="")
    if before is not None:
        found = found.filter(id__lt=before)
    return list(found.order_by("-id")[:limit])


def first_events(emails: list[Email]) -> dict[int, StoredEvent]:
    """The event each of these orphans was made of. An orphan has one; told twice it is still one."""
    found = StoredEvent.objects.filter(email_id__in=[email.id for email in emails])
    return {event.email_id: event for event in found}

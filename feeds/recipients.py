"""What an account knows of one recipient: the emails to them, and whether they may still be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from feeds.events import Status
from feeds.models import Address, Email
from suppression.models import Suppression

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.access import Access

# Of more emails than this to one recipient the newest are counted, and the page says so.
MOST_COUNTED = 2000


@dataclass(frozen=True, slots=True)
class Totals:
    """How many emails to a recipient have which status, how many have any; `is_cut`: only the newest were counted."""

    by_status: list[tuple[Status, int]]
    total: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason not to mail an address; `email_id` leads to the event that gave it, where that is still kept."""

    row: Suppression
    email_id: int | None


def emails_to(access: Access, address: str, now: datetime) -> QuerySet[Email]:
    """The account's emails to this address, newest first. Index: feeds_email_recipient."""
    known = Address.objects.filter(account=access.account, addr=address.lower()).values_list("id", flat=True).first()
    visible = Email.objects.visible_in(access, now)
    return visible.filter(recipient_id=known).order_by("-id") if known is not None else visible.none()


def totals(emails: QuerySet[Email]) -> Totals:
    """Count the newest of these by status, in one statement."""
    counts = {f"s{int(status)}": Count("id", filter=Q(status=status)) for status in Status}
    found = emails[: MOST_COUNTED + 1].aggregate(total=Count("id"), **counts)
    by_status = [(status, found[f"s{int(status)}"]) for status in Status if found[f"s{int(status)}"]]
    return Totals(by_status, min(found["total"], MOST_COUNTED), found["total"] > MOST_COUNTED)


def causes(access: Access, address: str, now: datetime) -> list[Cause]:
    """Why this address must not be mailed, with the emails that prove it."""
    rows = list(Suppression.objects.visible_in(access).of_address(address))
    named = [row.email_id for row in rows if row.email_id is not None]
    kept = set(Email.objects.visible_in(access, now).filter(id__in=named).values_list("id", flat=True)) if named else {}
    return [Cause(row, row.email_id if row.email_id in kept else None) for row in rows]

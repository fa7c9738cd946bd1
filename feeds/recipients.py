"""What an account knows of one recipient: the emails to them, and whether they may still be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from accounts.models import Role
from feeds.events import Status
from feeds.models import Address, Domain, Email
from suppression.checking import rules
from suppression.models import Cause, Covers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from accounts.access import Access
    from suppression.checking import Rule
    from suppression.targets import Target

# Of more emails than this to one recipient the newest are counted, and the page says so.
MOST_COUNTED = 2000


@dataclass(frozen=True, slots=True)
class Totals:
    """How many emails to a recipient have which status, how many have any; `is_cut`: only the newest were counted."""

    by_status: list[tuple[Status, int]]
    total: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an address must not be mailed, and the event that proves it, if it was one (`cause`); `email_id` leads to
    it where it is still kept."""

    stop: Rule
    cause: Cause | None
    email_id: int | None


def emails_to(access: Access, address: str, now: datetime) -> QuerySet[Email]:
    """The account's emails to this address, newest first. Index: feeds_email_recipient."""
    known = Address.objects.filter(account=access.account, addr=address.lower()).values_list("id", flat=True).first()
    visible = Email.objects.visible_in(access, now)
    return visible.filter(recipient_id=known).order_by("-id") if known is not None else visible.none()


def kept(access: Access, email_ids: Collection[int], now: datetime) -> set[int]:
    """Those of these emails that the account still shows."""
    return set(Email.objects.visible_in(access, now).filter(id__in=email_ids).values_list("id", flat=True))


def covered(access: Access, target: Target, most: int) -> int | None:
    """How many known addresses, senders among them, are at this domain, at most `most`; None for what is not one
    domain alone. Index: feeds_address_domain."""
    if target.covers != Covers.DOMAIN:
        return None
    domain = Domain.objects.filter(name=target.domain).values_list("id", flat=True).first()
    return Address.objects.filter(account=access.account, domain_id=domain)[:most].count() if domain is not None else 0


def totals(emails: QuerySet[Email]) -> Totals:
    """Count the newest of these by status, in one statement."""
    counts = {f"s{int(status)}": Count("id", filter=Q(status=status)) for status in Status}
    found = emails[: MOST_COUNTED + 1].aggregate(total=Count("id"), **counts)
    by_status = [(status, found[f"s{int(status)}"]) for status in Status if found[f"s{int(status)}"]]
    return Totals(by_status, min(found["total"], MOST_COUNTED), found["total"] > MOST_COUNTED)


def removable(access: Access, stops: Iterable[Rule]) -> list[int]:
    """The entries among these that this person may take off the account's list."""
    if not access.may(Role.MEMBER):
        return []
    ours = (stop for stop in stops if not stop.is_everywhere)
    return [stop.suppression_id for stop in ours if stop.covers == Covers.ADDRESS or access.may(Role.ADMIN)]


def evidence(access: Access, address: str, now: datetime) -> list[Evidence]:
    """Why this address must not be mailed, with the emails that prove it."""
    stops = rules(access.account.id, [address]).get(address.lower(), [])
    if not stops:
        return []
    told = Cause.objects.filter(suppression__in=[stop.suppression_id for stop in stops], account=access.account)
    events: dict[int, Cause] = {}
    for event in told.filter(event_key__isnull=False).order_by("at", "ident"):
        events.setdefault(event.suppression_id, event)
    named = [event.email_id for event in events.values() if event.email_id is not None]
    shown = kept(access, named, now) if named else set()
    found = []
    for stop in stops:
        cause = events.get(stop.suppression_id)
        found.append(Evidence(stop, cause, cause.email_id if cause is not None and cause.email_id in shown else None))
    return found

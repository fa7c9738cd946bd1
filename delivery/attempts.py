"""The attempts to send an email, as its page shows them: each with the whole conversation, and what can be done."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accounts.models import Role
from delivery.models import Attempt, Message, Outgoing, Transport, Verdict, source_of
from feeds.additions import Section
from feeds.events import Held

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.access import Access
    from feeds.models import Email

MOST = 100
TONES = {
    Verdict.DELIVERED: "delivered",
    Verdict.SOFT: "retrying",
    Verdict.THROTTLE: "retrying",
    Verdict.HARD: "bounced",
    Verdict.BLOCK: "bounced",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An attempt, the way it took by name ("" where the transport is gone or mail went straight), and its colour."""

    attempt: Attempt
    way: str
    tone: str


def section(access: Access, email: Email, now: datetime) -> Section | None:
    """The part of an email's page that tells how it was sent; None for one that was not sent from here."""
    if email.source_id != source_of(access.account.pk):
        return None
    attempts = list(Attempt.objects.filter(email_id=email.id).order_by("number")[:MOST])
    ways = dict(
        Transport.objects.of(access).filter(id__in={a.transport_id for a in attempts}).values_list("id", "name")
    )
    row = Outgoing.objects.filter(email_id=email.id, account=access.account).first()
    context: dict[str, Any] = {
        "attempts": [_shown(attempt, ways) for attempt in attempts],
        "row": row,
        "may_act": access.may(Role.MEMBER),
        "may_retry": row is not None and row.claimed_by is None and _is_timed(row) and row.next_attempt_at > now,
        "may_give_up": row is not None and row.claimed_by is None,
        "once": secrets.token_hex(8),
        "may_resend": row is None and _is_kept(access, email),
    }
    return Section("delivery/attempts.html", context)


def _shown(attempt: Attempt, ways: dict[int, str]) -> Shown:
    way = ways.get(attempt.transport_id, "") if attempt.transport_id is not None else ""
    return Shown(attempt, way, TONES[Verdict(attempt.verdict)])


def _is_timed(row: Outgoing) -> bool:
    return row.held in (Held.NO, Held.SCHEDULED, Held.THROTTLED)


def _is_kept(access: Access, email: Email) -> bool:
    """Whether the content is there to be sent once more."""
    kept = Message.objects.filter(account=access.account, uid=email.message_id.partition(".")[0], groups__isnull=False)
    return kept.exists()

"""When emails that wait go on, as the pages of the feed show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery.models import Outgoing
from feeds.events import Held
from feeds.waiting import Wait

if TYPE_CHECKING:
    from collections.abc import Collection


def of(email_ids: Collection[int]) -> dict[int, Wait]:
    """Those of these emails that are still to be sent. One query, by the primary key."""
    columns = ("email_id", "next_attempt_at", "expires_at", "attempts", "held", "claimed_by")
    return {
        email_id: Wait(next_at, expires_at, attempts, is_held=held != Held.NO, is_sending=claimed_by is not None)
        for email_id, next_at, expires_at, attempts, held, claimed_by in Outgoing.objects.filter(
            email_id__in=email_ids
        ).values_list(*columns)
    }

"""Taking off the list what was put there until a time that is over."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import Q

from suppression import removing
from suppression.models import How, Suppression

if TYPE_CHECKING:
    from datetime import datetime

# Of one sweep: the next one comes in a minute, and until then nobody is stopped by what is over.
MOST_STEPS = 20


def sweep(now: datetime, step: int = removing.STEP) -> int:
    """Take off what is over, with its trace; returns how many entries went. A later one goes on where this stops."""
    gone = 0
    for _step in range(MOST_STEPS):
        # Index: suppression_until.
        over = Suppression.objects.filter(until__lte=now).order_by("until").only("id", "account_id")[:step]
        lists: dict[int | None, list[int]] = defaultdict(list)
        for entry in over:
            lists[entry.account_id].append(entry.id)
        for account_id, entries in lists.items():
            # Only causes that are over: somebody may give the entry another one in this moment.
            gone += removing.take_off(removing.begin(account_id, How.EXPIRED), entries, Q(until__lte=now))
        if len(over) < step:
            break
    return gone

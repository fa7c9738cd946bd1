"""Judging stored visits again, after the tables or the rules have changed. Counts follow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from feeds.models import Email, id_at
from tracking.models import Look
from tracking.reading import judge_again

if TYPE_CHECKING:
    from datetime import datetime

CHUNK = 500


@dataclass(slots=True)
class Judged:
    """How many emails with visits were looked at, how many visits changed their kind, the id of the last email, and
    whether there are no more."""

    emails: int = 0
    changed: int = 0
    last: int = 0
    is_done: bool = False


def run(since: datetime, account_id: int | None = None, *, after: int = 0, seconds: float = 0) -> Judged:
    """Judge the visits of all emails since then, of one account or of all; each chunk in its own transaction.

    It may be stopped at any time and run again. With `after` it goes on behind that email, with `seconds` it ends
    after about that long.
    """
    judged = Judged(last=max(id_at(since), after))
    end = time.monotonic() + seconds
    while not seconds or time.monotonic() < end:
        visited = Email.objects.filter(id__gt=judged.last).annotate(
            visits=F("opens") + F("clicks") + F("machine_opens") + F("machine_clicks")
        ).filter(Q(visits__gt=0) | Exists(Look.objects.filter(email_id=OuterRef("id"))), source_id__lt=0)  # fmt: skip
        if account_id is not None:
            visited = visited.filter(account_id=account_id)
        ids = list(visited.order_by("id").values_list("id", flat=True)[:CHUNK])
        if not ids:
            judged.is_done = True
            break
        with transaction.atomic():
            judged.changed += judge_again(ids)
        judged.emails += len(ids)
        judged.last = ids[-1]
    return judged

"""Judging stored visits again, after the tables or the rules have changed. Counts follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from feeds.models import Email, id_at
from tracking.reading import judge_again

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

CHUNK = 500


@dataclass(slots=True)
class Judged:
    """How many emails with visits were looked at, and how many visits changed their kind."""

    emails: int = 0
    changed: int = 0


def run(since: datetime, account_id: int | None = None, *, report: Callable[[Judged], None] | None = None) -> Judged:
    """Judge the visits of all emails since then, of one account or of all; each chunk in its own transaction.

    It may be stopped at any time and run again.
    """
    judged = Judged()
    last = id_at(since)
    while True:
        visited = Email.objects.filter(id__gt=last).annotate(
            visits=F("opens") + F("clicks") + F("machine_opens") + F("machine_clicks")
        ).filter(visits__gt=0, source_id__lt=0)  # fmt: skip
        if account_id is not None:
            visited = visited.filter(account_id=account_id)
        ids = list(visited.order_by("id").values_list("id", flat=True)[:CHUNK])
        if not ids:
            return judged
        with transaction.atomic():
            judged.changed += judge_again(ids)
        judged.emails += len(ids)
        last = ids[-1]
        if report:
            report(judged)

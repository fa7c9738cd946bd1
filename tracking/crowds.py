"""Many emails visited from one address within a minute: a sign, and no more, as a whole office may share one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Q

from feeds.agents import Nature, nature
from tracking.models import Met
from tracking.persons import CROWD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tracking.hits import Hit

KEPT_MINUTES = 60


def _minute(hit: Hit) -> int:
    return hit.at // 60_000


def meet(hits: Sequence[Hit]) -> list[Hit]:
    """Note these visits, and give those that came with a crowd. Inside the caller's transaction.

    Proxies that name themselves are judged by their name.
    """
    told = [hit for hit in hits if hit.ip and nature(hit.agent) == Nature.PERSON]
    places = sorted({(_minute(hit), hit.ip) for hit in told})
    if not places:
        return []
    rows = sorted({(_minute(hit), hit.ip, hit.email_id) for hit in told})
    Met.objects.bulk_create([Met(minute=m, ip=ip, email_id=one) for m, ip, one in rows], ignore_conflicts=True)
    found = Met.objects.filter(minute__in={m for m, _ip in places}, ip__in={ip for _m, ip in places})
    counts = found.values("minute", "ip").annotate(emails=Count("email_id")).filter(Q(emails__gte=CROWD))
    crowded = {(row["minute"], row["ip"]) for row in counts}
    return [hit for hit in told if (_minute(hit), hit.ip) in crowded]


def forget(now: datetime) -> int:
    """Forget what is long past; returns how many rows."""
    return Met.objects.filter(minute__lt=int(now.timestamp()) // 60 - KEPT_MINUTES).delete()[0]

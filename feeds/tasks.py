"""What workers do for the core, each a call of one function."""

from __future__ import annotations

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from feeds import inbox, live, partitions, rollups, saved
from feeds.exports import orders
from feeds.exports import work as exporting

# The next sweep does the work, /readyz tells it, and the road in logs what it spools: no traceback every two seconds.
DATABASE_AWAY = (OperationalError, InterfaceError)


@shared_task(throws=DATABASE_AWAY)
def read_inbox() -> None:
    inbox.work()


@shared_task(throws=DATABASE_AWAY)
def keep_partitions() -> None:
    now = timezone.now()
    partitions.make(now)
    partitions.drop_expired(now)
    rollups.forget_days(now)


@shared_task(throws=DATABASE_AWAY)
def follow_zones() -> None:
    rollups.follow_zones()


@shared_task(throws=DATABASE_AWAY)
def make_exports() -> None:
    saved.order_due(timezone.now())
    exporting.sweep()


@shared_task(throws=DATABASE_AWAY)
def clear_exports() -> None:
    orders.clear_up(timezone.now())
    saved.forget_orphans()


@shared_task(throws=DATABASE_AWAY)
def forget_changes() -> None:
    live.forget(timezone.now())

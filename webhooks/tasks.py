"""What workers do for the road in, each a call of one function."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from feeds import keeping, spool
from feeds.tasks import DATABASE_AWAY
from webhooks import intake


@shared_task(throws=DATABASE_AWAY)
def read_spool() -> None:
    if spool.read_in(intake.store_spooled):
        keeping.nudge()


@shared_task(throws=DATABASE_AWAY)
def forget_nonces() -> None:
    intake.forget_nonces(timezone.now())

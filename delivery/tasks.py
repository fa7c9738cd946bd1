"""What workers do for sending, each a call of one function."""

from __future__ import annotations

from celery import shared_task

from delivery import mailer
from feeds.tasks import DATABASE_AWAY


@shared_task(throws=DATABASE_AWAY)
def send_due() -> None:
    mailer.work()

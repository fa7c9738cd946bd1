"""What workers do for tracking, each a call of one function."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from feeds.tasks import DATABASE_AWAY
from tracking import crowds, customizing, looks


@shared_task(throws=DATABASE_AWAY)
def forget_crowds() -> None:
    now = timezone.now()
    crowds.forget(now)
    looks.forget(now)


@shared_task(throws=DATABASE_AWAY)
def judge_asked() -> None:
    customizing.judge_asked(timezone.now())

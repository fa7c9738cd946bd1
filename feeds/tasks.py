"""What workers do for the core, each a call of one function."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from feeds import inbox, partitions


@shared_task
def read_inbox() -> None:
    inbox.work()


@shared_task
def keep_partitions() -> None:
    now = timezone.now()
    partitions.make(now)
    partitions.drop_expired(now)

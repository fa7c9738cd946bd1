from __future__ import annotations

from celery import shared_task

from settings import presence


@shared_task(expires=15)
def show_beat() -> None:
    """Sent by the scheduler, run by a worker: its trace shows that both are there."""
    presence.show("beat")

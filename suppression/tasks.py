"""What workers do for the lists, each a call of one function."""

from __future__ import annotations

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from suppression import expiring, spikes, tallies, undoing
from suppression.imports import orders
from suppression.imports import work as importing

DATABASE_AWAY = (OperationalError, InterfaceError)


@shared_task(throws=DATABASE_AWAY)
def take_off_expired() -> None:
    expiring.sweep(timezone.now())


@shared_task(throws=DATABASE_AWAY)
def fold_tallies() -> None:
    tallies.fold(timezone.now())


@shared_task(throws=DATABASE_AWAY)
def run_undos() -> None:
    undoing.work()


@shared_task(throws=DATABASE_AWAY)
def run_imports() -> None:
    if importing.sweep():
        orders.nudge_on()


@shared_task(throws=DATABASE_AWAY)
def go_on_importing() -> None:
    """In its turn among all that waits: what queued up behind it passes, this does not."""
    if importing.go_on():
        orders.nudge_on()


@shared_task(throws=DATABASE_AWAY)
def clear_imports() -> None:
    orders.clear_up(timezone.now())


@shared_task(throws=DATABASE_AWAY)
def watch_for_spikes() -> None:
    spikes.watch(timezone.now())

"""The Celery application. The broker carries only "look now": losing a message never loses work."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)

from settings import processes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.base")

app = Celery("livefeeds")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

_leaving = threading.Event()


@setup_logging.connect
def keep_our_logging(**kwargs: Any) -> None:
    """Django's LOGGING holds for workers too: a receiver here stops Celery from laying its own over it."""


@worker_process_init.connect
def end_with_worker(**kwargs: Any) -> None:
    """A batch whose worker is gone is given to another one: this process must not go on with it."""
    processes.end_with_parent(signal.SIGKILL)


@worker_ready.connect
def show_worker(**kwargs: Any) -> None:
    """From now on /readyz sees this worker, also while all its processes are busy."""
    from settings import presence

    _leaving.clear()
    presence.keep_showing("worker", _leaving)


@worker_shutting_down.connect
def hide_worker(**kwargs: Any) -> None:
    from delivery import mailer

    _leaving.set()
    # Its processes are told at once: they have the time of the shutdown to finish what they are sending.
    mailer.leave()


@worker_process_shutdown.connect
def end_sending(**kwargs: Any) -> None:
    from delivery import mailer

    mailer.close()

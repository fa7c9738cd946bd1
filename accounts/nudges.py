"""Telling a worker to look. The broker may lose it, or be away: a sweep looks every few seconds anyway."""

from __future__ import annotations

import time

import structlog
from celery import current_app
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError
from redis import RedisError

log = structlog.get_logger(__name__)

# Workers are told at most this often by each process; a reader stays a little longer than that.
NUDGE_SECONDS = 0.1
# After a failure silence is chosen at once for this long: nobody waits for a broker that is away.
AWAY_SECONDS = 1.0


class _Broker:
    """Until when this process holds it for away."""

    away_until = 0.0


class Nudge:
    """Calling it tells a worker to run this task. Never raises and never waits long."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.told_at = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self.told_at < NUDGE_SECONDS or now < _Broker.away_until:
            return
        self.told_at = now
        try:
            current_app.send_task(self.task, expires=60)
        except (KombuError, CeleryError, RedisError, OSError) as error:
            _Broker.away_until = now + AWAY_SECONDS
            log.warning("worker_not_told", task=self.task, error=type(error).__name__)

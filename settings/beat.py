from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import redis
from celery.beat import PersistentScheduler

from settings import presence


class ShownScheduler(PersistentScheduler):
    """Celery's scheduler, which leaves a trace at its ticks: one that hangs is seen to be gone."""

    _shown = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        now = time.monotonic()
        if now - self._shown >= presence.WRITE_EVERY:
            self._shown = now
            # The broker is away for now: /readyz asks it too, and tells.
            with suppress(redis.RedisError):
                presence.show("beat")
        pause: float = super().tick(*args, **kwargs)
        return pause

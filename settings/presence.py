"""Who is there: background processes leave a key that vanishes when they do."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress

import redis
from django.conf import settings

from settings import addresses

WORKER_SECONDS = 30
BEAT_SECONDS = 60
SMTP_SECONDS = 30
WRITE_EVERY = 5.0
_seconds = {"worker": WORKER_SECONDS, "beat": BEAT_SECONDS, "smtp": SMTP_SECONDS}


def connect() -> redis.Redis:
    """A connection to the broker's database that gives up after two seconds."""
    url = addresses.numbered(settings.REDIS_URL, addresses.BROKER_NUMBER)
    return redis.Redis.from_url(url, **settings.REDIS_TIMEOUTS)


def show(what: str) -> None:
    """Leave the trace of a `worker`, of `beat` or of `smtp`; raises redis.RedisError when the broker is away."""
    with connect() as client:
        client.set(f"livefeeds:seen:{what}", "1", ex=_seconds[what])


def seen() -> dict[str, bool]:
    """Which traces are there; raises redis.RedisError when the broker is away."""
    with connect() as client:
        values = client.mget([f"livefeeds:seen:{what}" for what in _seconds])
    return {what: value is not None for what, value in zip(_seconds, values, strict=True)}


def keep_showing(what: str, stop: threading.Event) -> threading.Thread:
    """Leave the trace of `what` every few seconds from a thread of its own, until `stop` is set."""

    def run() -> None:
        while not stop.is_set():
            # The broker is away for now: /readyz asks it too, and tells.
            with suppress(redis.RedisError):
                show(what)
            stop.wait(WRITE_EVERY)

    thread = threading.Thread(target=run, name=f"shows {what}", daemon=True)
    thread.start()
    return thread


def main(what: str) -> int:
    """For health checks of containers: `python -m settings.presence worker` fails when none was seen."""
    try:
        return 0 if seen()[what] else 1
    except redis.RedisError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

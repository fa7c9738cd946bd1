"""One runner for each LIVEFEEDS_HOME."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from settings.runner.refusal import Refusal


@contextmanager
def only_one(home: Path) -> Iterator[bool]:
    """Hold the lock of `home`; gives whether the run before this one was cut short.

    Raises Refusal where the folder cannot be written or another runner holds it.
    """
    file = home / "lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refusal(
            f"LIVEFEEDS_HOME is {home}, where nothing can be written ({error.strerror}): "
            "set it to a folder that belongs to you."
        ) from error
    with os.fdopen(descriptor, "r+") as lock:
        before = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                f"Live Feeds already runs on {home} (process {before}): stop it, "
                "or set LIVEFEEDS_HOME, PORT and SMTP_PORT to run another one beside it."
            ) from None
        _write(lock.fileno(), str(os.getpid()))
        try:
            yield bool(before)
        finally:
            _write(lock.fileno(), "")


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)

"""Where requests go while the database is away: one file each, on disk before the sender is told that we have it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import uuid
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import DataError, Error, IntegrityError

from feeds import inbox
from feeds.inbox import Incoming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = structlog.get_logger(__name__)


def folder() -> Path:
    """The spool's folder; made where it is missing. Raises OSError."""
    path = Path(settings.LIVEFEEDS_HOME) / "spool"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def keep(incoming: Incoming) -> None:
    """Write the request to disk and wait until it is there. Raises OSError where that fails."""
    home = folder()
    name = f"{int(incoming.received_at.timestamp() * 1000):015d}-{uuid.uuid4().hex}"
    record = asdict(incoming) | {
        "received_at": incoming.received_at.isoformat(),
        "headers": dict(incoming.headers),
        "body": base64.b64encode(incoming.body).decode(),
    }
    part = home / f".{name}.part"
    with part.open("x") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(home / f"{name}.json")
    directory = os.open(home, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_in(store: Callable[[Incoming], object]) -> int:
    """Hand every spooled request to `store`, oldest first, and remove it then; returns how many.

    One process at a time. What `store` raises ends it, and the rest stays for the next time: the database is away. A
    request that it refuses, and would refuse for ever, is marked as what cannot be read, and the others go on. A crash
    between the two steps stores a request twice, which the lifecycle takes for the one that it is.
    """
    count = 0
    with _alone() as alone:
        for path in sorted(folder().glob("*.json")) if alone else ():
            try:
                incoming = _read(path)
            except (ValueError, KeyError, TypeError) as error:
                log.error("spool_file_unreadable", file=path.name, error=str(error))
                path.rename(path.with_suffix(".unreadable"))
                continue
            try:
                store(incoming)
            except (DataError, IntegrityError) as error:
                if not _marked(incoming, error):
                    log.error("spool_file_refused", file=path.name, error=type(error).__name__)
                    path.rename(path.with_suffix(".refused"))
                    continue
            path.unlink()
            count += 1
    return count


def _marked(incoming: Incoming, refusal: Error) -> bool:
    """Show this among the requests that cannot be read; False where the database refuses even that."""
    try:
        inbox.store_failed(incoming, f"The database refused it: {str(refusal).partition(chr(10))[0]}")
    except (DataError, IntegrityError):
        return False
    return True


def _read(path: Path) -> Incoming:
    record = json.loads(path.read_text())
    record["received_at"] = datetime.fromisoformat(record["received_at"])
    record["body"] = base64.b64decode(record["body"])
    return Incoming(**record)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether nobody else is reading the spool."""
    with (folder() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True

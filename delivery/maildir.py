"""Returned mail that another server has put into a maildir: each message is stored once, whatever ends us halfway.

A message is stored and then moved from new/ to cur/. Before that its name is noted in a file beside them: the one that
is noted and still in new/ when the next run begins is the only one that may be stored already, and is looked for.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from delivery import handed, reception
from feeds.models import InboxRow, id_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.handed import Handed

NOTE, LOCK = ".livefeeds-taking", ".livefeeds-lock"
# Where servers write whom they delivered to, the most exact one first.
ENVELOPE_TO = ("x-original-to", "envelope-to", "x-envelope-to", "delivered-to")
# Read by everybody as "seen".
SEEN = ":2,S"


class Busy(Exception):
    """Another process reads this maildir."""


def take(folder: Path, recipient: str = "", otherwise: int = reception.NOBODY) -> int:
    """Store every message of new/ and move it to cur/; returns how many.

    `recipient` is who they were delivered to where they do not say so themselves, and `otherwise` the account of
    those that do not tell whose they are. Raises Busy, OSError, and django.db.Error: the rest stays for the next time.
    """
    count = 0
    with _alone(folder):
        noted = _noted(folder)
        for path in sorted((folder / "new").iterdir()):
            if path.name.startswith(".") or not path.is_file():
                continue
            if path.name != noted[0] or not _is_stored(*noted):
                _note(folder, path.name)
                _store(path, recipient, otherwise)
                count += 1
            path.rename(folder / "cur" / f"{path.name.partition(':')[0]}{SEEN}")
        (folder / NOTE).unlink(missing_ok=True)
    return count


def _store(path: Path, recipient: str, otherwise: int) -> None:
    content = path.read_bytes()
    message = handed.read(content)
    to = next((address for name in ENVELOPE_TO if (address := message.address(name))), recipient)
    reception.keep(sender_of(message), to, content, otherwise=otherwise, file=path.name)


def sender_of(message: Handed) -> str:
    """The envelope's sender, which the server that delivered it wrote down; "" for none."""
    return message.address("return-path")


def _is_stored(name: str, since: datetime) -> bool:
    """Whether the message of this name was stored after it was noted."""
    rows = InboxRow.objects.filter(kind=reception.KIND, received_at__gte=since, id__gte=id_at(since))
    return rows.filter(headers__file=name).exists()


# ---- What is being taken ----------------------------------------------------------------------------------


def _note(folder: Path, name: str) -> None:
    """On disk before the message is stored."""
    with (folder / NOTE).open("w") as file:
        file.write(f"{datetime.now(UTC).isoformat()} {name}")
        file.flush()
        os.fsync(file.fileno())


def _noted(folder: Path) -> tuple[str, datetime]:
    """What the last run was taking when it ended, and since when; the name is "" where it ended in order."""
    try:
        since, _blank, name = (folder / NOTE).read_text().partition(" ")
        return name, datetime.fromisoformat(since)
    except (FileNotFoundError, ValueError):
        return "", datetime.now(UTC)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        yield

"""Where the files of imports lie: what was uploaded, and beside it the report of its bad lines.

Web and worker must see the same folder. Names cannot be guessed, and nobody else may look into the folder.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

from accounts import disk

if TYPE_CHECKING:
    from collections.abc import Collection

UPLOADED, REPORT = ".data", ".report"
# A file that belongs to nobody may be one that is just coming in.
SECONDS_TO_UPLOAD = 24 * 3600


def folder() -> Path:
    return disk.private(settings.IMPORTS_FOLDER)


def uploaded(token: str) -> Path:
    return folder() / f"{token}{UPLOADED}"


def report(token: str) -> Path:
    return folder() / f"{token}{REPORT}"


def create(token: str) -> BinaryIO:
    """A new file for what is uploaded. Raises OSError, Full among them."""
    file = os.fdopen(os.open(uploaded(token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    if not disk.has_room(file):
        file.close()
        remove(token)
        raise disk.Full
    return file


def on_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def write_report(token: str, size: int, text: bytes) -> int:
    """Have this stand behind the first `size` bytes of the report, on disk; returns the size then. What a worker wrote
    that died before it told the database goes. Raises OSError."""
    with os.fdopen(os.open(report(token), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(text)
        on_disk(file)
    return size + len(text)


def remove_uploaded(token: str) -> None:
    """Never raises: what stays is cleared up later."""
    with suppress(OSError):
        uploaded(token).unlink(missing_ok=True)


def remove(token: str) -> None:
    """All of it. Never raises."""
    remove_uploaded(token)
    with suppress(OSError):
        report(token).unlink(missing_ok=True)


def remove_strays(kept: Collection[str]) -> None:
    """Remove the files of all imports but these, which a crash left behind. Raises OSError."""
    old = time.time() - SECONDS_TO_UPLOAD
    for path in folder().iterdir():
        if path.suffix in (UPLOADED, REPORT) and path.stem not in kept:
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()

"""Where exports lie on disk: the file itself, and beside it, while it is made, the ids of its emails.

Web and worker must see the same folder. Names cannot be guessed, and nobody else may look into the folder.
"""

from __future__ import annotations

import fcntl
import os
from array import array
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

from accounts import disk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from feeds.exports.models import Export

ID_BYTES = 8


def folder() -> Path:
    return disk.private(settings.EXPORTS_FOLDER)


def path_of(export: Export) -> Path:
    return folder() / f"{export.token}.data"


def _ids_of(export: Export) -> Path:
    return folder() / f"{export.token}.ids"


def hold(export: Export) -> BinaryIO | None:
    """The export's file for writing, held for as long as it is open; None where another process holds it.

    The kernel lets go of it when a process dies, at once and whatever killed it, and never before: so two can never
    write to one file. Raises OSError.
    """
    path = path_of(export)
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def write_ids(export: Export, pieces: Iterable[bytes]) -> int:
    """Keep these ids, which come as lines of digits, whole in each piece; returns how many. On disk afterwards."""
    count = 0
    path = _ids_of(export)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for piece in pieces:
            ids = array("q", map(int, piece.split()))
            ids.tofile(file)
            count += len(ids)
        on_disk(file)
    _names_on_disk()
    return count


def read_ids(export: Export, first: int, most: int) -> array[int]:
    """So many of the ids, from this one on; fewer at their end."""
    ids = array("q")
    with _ids_of(export).open("rb") as file:
        file.seek(first * ID_BYTES)
        ids.frombytes(file.read(most * ID_BYTES))
    return ids


def append(file: BinaryIO, pieces: Iterable[bytes]) -> int:
    """Write these where the file stands, and have them on disk; returns how many bytes. Raises OSError."""
    size = 0
    if not disk.has_room(file):
        raise disk.Full
    for piece in pieces:
        size += file.write(piece)
    on_disk(file)
    return size


def on_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _names_on_disk() -> None:
    descriptor = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_ids(export: Export) -> None:
    _ids_of(export).unlink(missing_ok=True)


def remove(export: Export) -> None:
    """Remove all of it. Who reads it still may go on. Never raises: what stays is cleared up later."""
    with suppress(OSError):
        path_of(export).unlink(missing_ok=True)
        remove_ids(export)


def tokens() -> set[str]:
    """Whose files are there."""
    return {path.stem for path in folder().iterdir() if path.suffix in (".data", ".ids")}


def remove_tokens(gone: Collection[str]) -> None:
    """Remove the files of these."""
    for token in gone:
        for suffix in (".data", ".ids"):
            (folder() / f"{token}{suffix}").unlink(missing_ok=True)

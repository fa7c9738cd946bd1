"""Folders for files of people on the disk that the database is on too, more often than not."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# What files of people may not use up.
LEAST_FREE = 512 * 1024 * 1024


class Full(OSError):
    """There is too little room left on the disk."""


def private(folder: Path) -> Path:
    """This folder, which nobody else may look into, made where it is missing. Raises OSError."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def has_room(file: IO[bytes]) -> bool:
    """Whether there is enough left for more of this file."""
    found = os.fstatvfs(file.fileno())
    return found.f_bavail * found.f_frsize >= LEAST_FREE

"""Bodies of requests to Django's pages: bounded, and on the disk of our files where they are large.

Django takes a body of any size from anybody, into the folder for temporary files, before it looks who it is; in a
container that folder is memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler

from accounts import disk

# Larger ones wait on disk.
MEMORY = 1024 * 1024
# Said of a request in its scope; the page that takes files looks for it.
NO_ROOM = "livefeeds.no_room"
# What a form has around its file.
AROUND = 64 * 1024
# The one road for large files: into a suppression list, of an account or of the installation.
UPLOADS = "/suppressions/import/"


class _Receiving:
    """What ASGI calls `receive`, with how much may come and the folder for it (None: that for temporary files)."""

    def __init__(self, receive: Callable[[], Awaitable[Any]], scope: dict[str, Any]) -> None:
        self.receive, self.scope, path = receive, scope, scope["path"]
        self.folder: Path | None = None
        self.most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        if path.endswith(UPLOADS):
            self.folder = settings.IMPORTS_FOLDER
            self.most = settings.IMPORT_MOST_BYTES

    async def __call__(self) -> Any:
        return await self.receive()


class Handler(ASGIHandler):
    """Django's, but for how it takes bodies. One that is too large, or that there is no room for, is read to its end,
    so that the browser listens to the answer, and thrown away: the view sees an empty one, by its length that it was
    not, and in the scope that the disk is full. Who sends it is not known yet, so nobody may fill the disk."""

    async def handle(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await super().handle(scope, _Receiving(receive, scope), send)

    async def read_body(self, receive: Any) -> IO[bytes]:
        body: IO[bytes] = tempfile.SpooledTemporaryFile(MEMORY, dir=receive.folder)  # noqa: SIM115  # closed by Django
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > receive.most + AROUND or NO_ROOM in receive.scope:
                pass
            elif size <= MEMORY:
                body.write(piece)
                continue
            elif await sync_to_async(_write, thread_sensitive=False)(body, piece, receive.folder):
                continue
            else:
                receive.scope[NO_ROOM] = True
            body.seek(0)
            body.truncate()
        body.seek(0)
        return body


def _write(body: IO[bytes], piece: bytes, folder: Path | None) -> bool:
    """Whether there is room for more."""
    if folder:
        disk.private(folder)
    body.write(piece)
    return folder is None or disk.has_room(body)

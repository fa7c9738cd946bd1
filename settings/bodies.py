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

# Larger ones wait on disk.
MEMORY = 1024 * 1024
# What a form has around its file.
AROUND = 64 * 1024
# The one road for large files: into a suppression list, of an account or of the installation.
UPLOADS = "/suppressions/import/"


class _Receiving:
    """What ASGI calls `receive`, with how much may come and the folder for it (None: that for temporary files)."""

    def __init__(self, receive: Callable[[], Awaitable[Any]], path: str) -> None:
        self.receive = receive
        self.folder: Path | None = None
        self.most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        if path.endswith(UPLOADS):
            self.folder = settings.IMPORTS_FOLDER
            self.most = settings.IMPORT_MOST_BYTES

    async def __call__(self) -> Any:
        return await self.receive()


class Handler(ASGIHandler):
    """Django's, but for how it takes bodies. One that is too large is read to its end, so that the browser listens to
    the answer, and thrown away: the view sees an empty one, and by its length that it was not."""

    async def handle(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await super().handle(scope, _Receiving(receive, scope["path"]), send)

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
            if size > receive.most + AROUND:
                body.seek(0)
                body.truncate()
            elif size > MEMORY:
                await sync_to_async(_write, thread_sensitive=False)(body, piece, receive.folder)
            else:
                body.write(piece)
        body.seek(0)
        return body


def _write(body: IO[bytes], piece: bytes, folder: Path | None) -> None:
    if folder:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    body.write(piece)

"""Static files at the door, before Django.

WhiteNoise's own middleware is synchronous, and one synchronous middleware sends every request of the site
through a thread. Only its index of files is used here: it knows the compressed forms, what may be cached for
ever, conditional requests and ranges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from whitenoise import WhiteNoise

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Any, Any, Any], Awaitable[None]]

FOREVER = 365 * 24 * 60 * 60


def _hashed(path: str, url: str) -> bool:
    """Whether the name holds the file's hash (app.0123456789ab.css), so that its content never changes."""
    parts = Path(path).name.split(".")
    return len(parts) > 2 and len(parts[-2]) == 12 and all(c in "0123456789abcdef" for c in parts[-2])


class StaticFiles:
    """An ASGI application that answers for the files of `folder` below `prefix` and passes on the rest.

    The folder is listed once, at the start: files that come later need a restart.
    """

    def __init__(self, application: Application, *, folder: Path, prefix: str) -> None:
        self.application = application
        files = WhiteNoise(None, max_age=60, immutable_file_test=_hashed, allow_all_origins=False)
        if folder.is_dir():
            files.add_files(str(folder), prefix)
        self.files = files.files

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        file = self.files.get(scope["path"]) if scope["type"] == "http" else None
        if file is None:
            await self.application(scope, receive, send)
            return
        environ = {
            f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode() for name, value in scope["headers"]
        }
        response = file.get_response(scope["method"], environ)
        body = b""
        if response.file is not None:
            with response.file:
                body = await asyncio.to_thread(response.file.read)
        headers = [(name.lower().encode(), value.encode()) for name, value in response.headers]
        await send({"type": "http.response.start", "status": int(response.status), "headers": headers})
        await send({"type": "http.response.body", "body": body})

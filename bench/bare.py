"""The baseline of `track`: an ASGI application that answers with a picture of 43 bytes, and does nothing else."""

from __future__ import annotations

from typing import Any

IMAGE = bytes(43)
HEADERS = [(b"content-type", b"image/gif"), (b"cache-control", b"no-store"), (b"content-length", b"43")]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": IMAGE})

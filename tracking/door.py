"""The pixel and the links, before all else: answered in milliseconds whatever else is away.

What is not valid goes on to the pages of Django, and so does unsubscribing. Those are found under the tracking hosts
of all accounts; they get to Django under the name of the site.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from tracking.hits import WHAT, hit
from tracking.recorder import Recorder
from tracking.tokens import PREFIX, Purpose, read

if TYPE_CHECKING:
    from collections.abc import Mapping

type Message = MutableMapping[str, Any]
type Application = Callable[[Any, Any, Any], Awaitable[None]]

# A transparent GIF of one pixel.
IMAGE = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00"
    b"\x01\x00\x00\x02\x02D\x01\x00;"
)
NEVER_STORED = {
    "cache-control": "no-store, no-cache, must-revalidate, private, max-age=0",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
# Web mail that isolates itself still shows it.
IMAGE_HEADERS = NEVER_STORED | {"content-type": "image/gif", "cross-origin-resource-policy": "cross-origin"}
METHODS = ("GET", "HEAD")


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


# The same for everybody, and made once.
_IMAGE_HEADERS = [*_raw(IMAGE_HEADERS), (b"content-length", str(len(IMAGE)).encode())]
_IMAGE_STARTS: Message = {"type": "http.response.start", "status": 200, "headers": _IMAGE_HEADERS}
_IMAGE_BODY: Message = {"type": "http.response.body", "body": IMAGE}
_NO_BODY: Message = {"type": "http.response.body", "body": b""}
_WHAT = {str(purpose): what for purpose, what in WHAT.items()}
_LINK_HEADERS = [*_raw(NEVER_STORED), (b"content-length", b"0")]


def visitor_ip(peer: str, forwarded: str) -> str:
    """The visitor's address: the connection's, or with proxies of ours before us what the outermost of them says."""
    count: int = settings.TRUSTED_PROXY_COUNT
    told = [part.strip() for part in forwarded.split(",") if part.strip()]
    return told[-count] if count and len(told) >= count else peer


class Door:
    """An ASGI application that answers for pixels and links, and passes on the rest."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._recorder: Recorder | None = None

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.application(scope, receive, send)
            return
        # "", "t", purpose, token, and for a link its target; what follows does not matter.
        parts = scope["path"].split("/", 5)
        purpose, named = parts[2], None
        if scope["method"] in METHODS:
            if purpose == Purpose.PIXEL and len(parts) > 3:
                named = read(purpose, parts[3])
            elif purpose == Purpose.LINK and len(parts) > 4:
                named = read(purpose, parts[3], parts[4])
        if named is None:
            await self.application(_under_our_name(scope), receive, send)
            return
        recorder = self._recorder
        if recorder is None:
            recorder = self._recorder = Recorder()
        kept = recorder.keep(hit(_WHAT[purpose], named, time(), scope["method"], _ip(scope), scope["headers"]))
        if kept is not None:
            await kept
        if purpose == Purpose.PIXEL:
            await send(_IMAGE_STARTS)
            await send(_IMAGE_BODY if scope["method"] == "GET" else _NO_BODY)
        else:
            where = [(b"location", named.target.encode()), *_LINK_HEADERS]
            await send({"type": "http.response.start", "status": 302, "headers": where})
            await send(_NO_BODY)


def _ip(scope: Message) -> str:
    peer: str = (scope.get("client") or ("",))[0]
    if not settings.TRUSTED_PROXY_COUNT:
        return peer
    # Some proxies write a line of their own below the ones before.
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    return visitor_ip(peer, forwarded.decode("latin-1"))


def _under_our_name(scope: Message) -> Message:
    """The same request as if it was for the site: its page knows people by the token alone."""
    ours = urlsplit(settings.LIVEFEEDS_URL).netloc.encode()
    headers = [(name, ours if name == b"host" else value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}

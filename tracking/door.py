"""The pixel and the links, before all else: answered in milliseconds whatever else is away.

What is not valid goes on to the pages of Django, and so does unsubscribing. Those are found under the tracking hosts
of all accounts; they get to Django under the name of the site.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from tracking.hits import WHAT, hit
from tracking.recorder import Recorder
from tracking.tokens import PREFIX, Named, Purpose, read

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


_IMAGE_HEADERS = [*_raw(IMAGE_HEADERS), (b"content-length", str(len(IMAGE)).encode())]
_LINK_HEADERS = [*_raw(NEVER_STORED), (b"content-length", b"0")]


def visitor_ip(peer: str, forwarded: str) -> str:
    """The visitor's address: the connection's, or with proxies of ours before us what the outermost of them says."""
    count: int = settings.TRUSTED_PROXY_COUNT
    told = [part.strip() for part in forwarded.split(",") if part.strip()]
    return told[-count] if count and len(told) >= count else peer


def _named(path: str) -> tuple[Purpose, Named] | None:
    """The pixel or link this path is the valid address of."""
    purpose, token, carried, *_more = [*path.removeprefix(PREFIX).split("/", 3), "", ""]
    if purpose not in (Purpose.PIXEL, Purpose.LINK):
        return None
    named = read(Purpose(purpose), token, carried if purpose == Purpose.LINK else "")
    return None if named is None else (Purpose(purpose), named)


class Door:
    """An ASGI application that answers for pixels and links, and passes on the rest."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._recorder: Recorder | None = None

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.application(scope, receive, send)
            return
        found = _named(scope["path"]) if scope["method"] in METHODS else None
        if found is None:
            await self.application(_under_our_name(scope), receive, send)
            return
        purpose, named = found
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        peer = (scope.get("client") or ("",))[0]
        # Some proxies write a line of their own below the ones before.
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        ip = visitor_ip(peer, forwarded.decode("latin-1"))
        await self._keep(hit(WHAT[purpose], named, timezone.now(), scope["method"], ip, headers))
        if purpose == Purpose.PIXEL:
            body = IMAGE if scope["method"] == "GET" else b""
            await send({"type": "http.response.start", "status": 200, "headers": _IMAGE_HEADERS})
            await send({"type": "http.response.body", "body": body})
        else:
            where = [(b"location", named.target.encode()), *_LINK_HEADERS]
            await send({"type": "http.response.start", "status": 302, "headers": where})
            await send({"type": "http.response.body", "body": b""})

    async def _keep(self, one: Any) -> None:
        recorder = self._recorder
        if recorder is None:
            recorder = self._recorder = Recorder()
        await recorder.keep(one)


def _under_our_name(scope: Message) -> Message:
    """The same request as if it was for the site: its page knows people by the token alone."""
    ours = urlsplit(settings.LIVEFEEDS_URL).netloc.encode()
    headers = [(name, ours if name == b"host" else value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}

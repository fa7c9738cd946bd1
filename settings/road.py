"""The road in, before Django's middleware: what programs post is answered by threads that stay.

Sessions, languages, forms and people mean nothing to a program. Going around them, and around the new thread and the
new database wrapper that Django makes for every request, takes a third of the time (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.exception import convert_exception_to_response
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from settings.logs import request_log

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type Application = Callable[[Any, Any, Any], Awaitable[None]]

# With the setting that says how large their bodies may be.
ROUTES = {
    "webhook": "DATA_UPLOAD_MAX_MEMORY_SIZE", "v5-send": "SEND_REQUEST_MOST_BYTES",
    "v5-suppression": "SEND_REQUEST_MOST_BYTES",
}  # fmt: skip
# Larger bodies wait on disk until it is their turn: nobody has proven anything yet.
MEMORY = 1024 * 1024
# More than there are connections: a thread may wait for a certificate of Amazon's, the others go on meanwhile.
THREADS = 32


class Gone(Exception):
    """The sender hung up before the end of its request."""


def _view(request: HttpRequest) -> HttpResponse:
    match = request.resolver_match
    assert match is not None
    answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return answer


# A view that breaks is a logged 500, as everywhere; the innermost makes one that the log can tell.
_answer = convert_exception_to_response(request_log(convert_exception_to_response(_view)))


class RoadIn:
    """An ASGI application that answers for the routes below `prefix` named in ROUTES and passes on the rest."""

    def __init__(self, application: Application, *, prefix: str | tuple[str, ...]) -> None:
        self.application = application
        self.prefix = prefix
        self.threads = ThreadPoolExecutor(THREADS, "road-in")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and scope["path"].startswith(self.prefix)
        match = _resolve(scope["path"]) if ours else None
        if match is None or match.url_name not in ROUTES:
            await self.application(scope, receive, send)
            return
        try:
            body = await _body(scope, receive, getattr(settings, ROUTES[match.url_name]) or 0)
        except Gone:
            return
        work = asyncio.get_running_loop().run_in_executor(self.threads, _respond, scope, body, match)
        response = await work
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
        headers.append((b"content-length", str(len(response.content)).encode()))
        content = b"" if scope["method"] == "HEAD" else response.content
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _resolve(path: str) -> Any:
    try:
        return resolve(path)
    except Resolver404:
        return None


async def _body(scope: Message, receive: Receive, most: int) -> IO[bytes]:
    """The whole body. One that is or says it is too large is not read on, and its view refuses it for its size.

    Raises Gone: half a body must not be taken for a whole one.
    """
    body: IO[bytes] = SpooledTemporaryFile(MEMORY)  # noqa: SIM115  # closed by who answers
    said = dict(scope["headers"]).get(b"content-length", b"0")
    if not said.isdigit() or int(said) > most:
        return body
    size, more = 0, True
    while more and size <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            body.close()
            raise Gone
        piece = message.get("body", b"")
        body.write(piece)
        size += len(piece)
        more = message.get("more_body", False)
    body.seek(0)
    return body


def _respond(scope: Message, body: IO[bytes], match: Any) -> HttpResponse:
    """In a thread of ours: the view's answer. Its connection goes back to the pool."""
    request = ASGIRequest(scope, body)
    request.resolver_match = match
    try:
        return cast("HttpResponse", _answer(request))
    finally:
        body.close()
        close_old_connections()

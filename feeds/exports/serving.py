"""Sending a finished file: from where a broken download stopped, in constant memory (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, parse_http_date_safe

from feeds.exports import files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from feeds.exports.models import Export

PIECE = 512 * 1024
# One range, as programs that go on with a download ask for it. Of several the whole file is as good an answer.
ONE_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class Unsatisfiable(Exception):
    """The range lies outside of the file."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file, from `first` up to but without `end`."""

    first: int
    end: int


def answer(request: HttpRequest, export: Export) -> HttpResponseBase:
    """The file of a finished export, or the part of it that is asked for. Raises FileNotFoundError."""
    descriptor = os.open(files.path_of(export), os.O_RDONLY)
    try:
        response = _answer(request, export, descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    if not response.streaming:
        os.close(descriptor)
    return response


def _answer(request: HttpRequest, export: Export, descriptor: int) -> HttpResponseBase:
    size = export.size
    assert export.finished_at is not None
    changed = int(export.finished_at.timestamp())
    # The file never changes once it is done.
    etag = f'"{export.pk}-{changed:x}-{size:x}"'
    settled = get_conditional_response(request, etag, changed, None)
    if settled is not None:
        return _told(settled, etag, changed)
    try:
        span = wanted(request, size, etag, changed)
    except Unsatisfiable:
        return _told(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), etag, changed)
    whole = span or Span(0, size)
    response: HttpResponseBase = HttpResponse()
    if request.method != "HEAD":
        content = Streamed(descriptor, whole) if isinstance(request, ASGIRequest) else Plain(descriptor, whole)
        response = StreamingHttpResponse(content, status=206 if span else 200)
    response["Content-Type"] = export.layout.content_type
    response["Content-Length"] = str(whole.end - whole.first)
    response["Content-Disposition"] = f'attachment; filename="{export.file_name}"'
    if span:
        response["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{size}"
    return _told(response, etag, changed)


def _told(response: HttpResponseBase, etag: str, changed: int) -> HttpResponseBase:
    response["ETag"] = etag
    response["Last-Modified"] = http_date(changed)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "no-store"
    return response


def wanted(request: HttpRequest, size: int, etag: str, changed: int) -> Span | None:
    """The range that is asked for, None for all of it: also where the file is another one than the asker began with.

    Raises Unsatisfiable.
    """
    found = ONE_RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None or request.method != "GET" or found[1] == found[2] == "":
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition != etag and parse_http_date_safe(condition) != changed:
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise Unsatisfiable
        return Span(size - length, size)
    first = int(found[1])
    last = int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None  # no range at all, by its syntax
    if first >= size:
        raise Unsatisfiable
    return Span(first, min(last + 1, size))


class _Bytes:
    """Bytes of an open file, which is closed at the end."""

    def __init__(self, descriptor: int, span: Span) -> None:
        self._descriptor = descriptor
        self._span = span

    def _piece(self, place: int) -> bytes:
        piece = os.pread(self._descriptor, min(PIECE, self._span.end - place), place)
        if not piece:
            # The answer breaks off, so that nobody takes it for whole.
            raise EOFError("The file of an export is shorter than it was.")
        return piece

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)
        self._descriptor = -1


class Plain(_Bytes):
    """For a server that is not asynchronous."""

    def __iter__(self) -> Iterator[bytes]:
        place = self._span.first
        while place < self._span.end:
            piece = self._piece(place)
            place += len(piece)
            yield piece


class Streamed(_Bytes):
    """For an asynchronous server, which must not wait for the disk."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        place = self._span.first
        while place < self._span.end:
            piece = await asyncio.to_thread(self._piece, place)
            place += len(piece)
            yield piece

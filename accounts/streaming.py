"""Files straight from the database's COPY to whoever asked for them, in constant memory whatever their size."""

from __future__ import annotations

import asyncio
import threading
import weakref
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections, connection, transaction

from accounts import copying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator

    from django.http import HttpRequest
    from psycopg import sql

# Spreadsheets take a file that begins so for UTF-8.
BOM = "\ufeff".encode()
# Pieces are few, where each is worth a change of threads, and small beside the process.
PIECE = 256 * 1024
AHEAD = 4
SECONDS_TO_CANCEL = 5.0
# Each holds a connection of this process's pool, which pages need too.
MOST_AT_ONCE = 3
# A reader that took nothing for so long is gone, or holds up what the database must clear away.
SECONDS_TO_STALL = 600.0
# The file of a slow line is worth little more when it is smaller still, and the database waits meanwhile.
GZIP_LEVEL = 3
GZIP_WBITS = 31

_places = threading.BoundedSemaphore(MOST_AT_ONCE)


class Busy(Exception):
    """As many downloads are under way here as may be."""


@dataclass(frozen=True, slots=True)
class File:
    """The lines of a COPY TO STDOUT, with times in a zone."""

    statement: sql.Composed
    time_zone: str
    has_bom: bool = False
    gzip: bool = False


def content(request: HttpRequest, file: File) -> Streamed | Plain:
    """What a streaming response of this file iterates over, in the way of the server that asks.

    Django reads a plain iterator to its end before an asynchronous server sends the first byte. Raises Busy.
    """
    if not _places.acquire(blocking=False):
        raise Busy
    return Streamed(file) if isinstance(request, ASGIRequest) else Plain(file)


def pieces(file: File, begun: Callable[[psycopg.Connection], None] | None = None) -> Generator[bytes]:
    """The file, in pieces of about 256 KB before they are compressed, none of them empty.

    No time limit: the reader sets the pace. `begun` is told the connection before the first piece is asked for.
    """
    found = _lines(file, begun)
    yield from compressed(found) if file.gzip else found


def _lines(file: File, begun: Callable[[psycopg.Connection], None] | None) -> Iterator[bytes]:
    if file.has_bom:
        yield BOM
    with transaction.atomic(), connection.cursor() as cursor:
        if begun:
            begun(connection.connection)
        cursor.execute("set local statement_timeout = 0")
        yield from copied(cursor, file.statement, file.time_zone)


def copied(cursor: object, statement: sql.Composed, time_zone: str) -> Generator[bytes, None, int]:
    """What a COPY gives, with times in this zone; within a transaction. Returns how many lines it were.

    Raises django.db.Error.
    """
    set_zone = "select set_config('TimeZone', %s, true)"
    cursor.execute(set_zone, [time_zone])  # type: ignore[attr-defined]
    with connection.wrap_database_errors, cursor.copy(statement):  # type: ignore[attr-defined]
        lines = yield from copying.pieces(connection.connection, PIECE)
    # Django takes every time it reads for one in its own zone, also later in this transaction.
    cursor.execute(set_zone, [connection.timezone_name])  # type: ignore[attr-defined]
    return lines


def compressed(found: Iterable[bytes]) -> Generator[bytes]:
    """One member of a gzip file. Several, one after the other, are a gzip file too."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WBITS)
    for piece in found:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


class Plain:
    """The file for a server that is not asynchronous."""

    def __init__(self, file: File) -> None:
        self._leave = weakref.finalize(self, _places.release)
        self._pieces = pieces(file)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._pieces.close()
        self._leave()


class Streamed:
    """The file for an asynchronous server: a thread reads it, a few pieces ahead of what was sent, and no further.

    Django calls `close` when the answer is over, also where its reader left before the end. Then the database is told
    to stop, and the connection is given back.
    """

    def __init__(self, file: File) -> None:
        # Also where nobody calls `close`: a place that is never given back would be missing for ever.
        self._leave = weakref.finalize(self, _places.release)
        self._pieces = pieces(file, self._begun)
        # A thread of its own, because Django's connections belong to threads.
        self._thread = ThreadPoolExecutor(1, "export")
        self._connection: psycopg.Connection | None = None
        self._over = False

    def _begun(self, used: psycopg.Connection) -> None:
        self._connection = used

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # The view is done, and its own connection would be held until the last byte is sent.
        await sync_to_async(close_old_connections)()
        loop = asyncio.get_running_loop()
        coming = deque(self._next() for _ in range(AHEAD))
        try:
            while piece := await coming.popleft():
                coming.append(self._next())
                stalled = loop.call_later(SECONDS_TO_STALL, self._give_up, loop)
                yield piece
                stalled.cancel()
            self._over = True
        finally:
            for one in coming:
                one.cancel()

    def _next(self) -> asyncio.Future[bytes]:
        return asyncio.get_running_loop().run_in_executor(self._thread, next, self._pieces, b"")

    def _give_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """What is still to come raises, so that the answer breaks off and nobody takes it for whole."""
        loop.run_in_executor(None, self.close)

    def close(self) -> None:
        """Stop reading. The connection is this thread's until then, so nobody else's query can be meant."""
        if self._connection is not None and not self._over:
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=SECONDS_TO_CANCEL)
        with suppress(RuntimeError):  # closed before
            self._thread.submit(self._end)
            self._thread.shutdown(wait=False)

    def _end(self) -> None:
        try:
            self._pieces.close()
        finally:
            connection.close()
            self._leave()

"""The feed as CSV: exactly the filter, straight from the database's COPY, in constant memory whatever its size."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, transaction
from psycopg import sql

from feeds import copying
from feeds.events import Bounce, Status
from feeds.terms import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from datetime import datetime

    from django.http import HttpRequest

    from accounts.access import Access
    from feeds.query import Filter

# Pieces are few, where each is worth a change of threads, and small beside the process.
PIECE = 256 * 1024
AHEAD = 4
SECONDS_TO_CANCEL = 5.0
# A cell that begins with one of these may run as a formula in a spreadsheet; an apostrophe makes it text (OWASP,
# "CSV injection"). By ascii() of the first letter: measured cheaper than a regular expression.
GUARD = "case when ascii({0}) in (9, 10, 13, 43, 45, 61, 64) then '''' || {0} else {0} end"  # tab, newlines, + - = @


def columns() -> list[tuple[str, sql.Composable]]:
    """Each column's name and SQL. Times are written in the session's zone, with their offset from UTC."""

    def guarded(column: str) -> sql.Composable:
        return sql.SQL(GUARD).format(sql.Identifier(column))

    def words(column: str, labels: list[str]) -> sql.Composable:
        names = sql.SQL(", ").join(sql.Literal(label) for label in labels)
        return sql.SQL("(array[{}])[{} + 1]").format(names, sql.Identifier(column))

    return [
        ("time", sql.SQL("to_timestamp(((id >> 20) + 1577836800000) / 1000.0)::timestamptz(3)")),
        ("status", words("status", [status.name.lower() for status in Status])),
        ("bounce", words("bounce", [bounce.name.lower() if bounce else "" for bounce in Bounce])),
        ("recipient", guarded("recipient")),
        ("sender", guarded("sender")),
        ("subject", guarded("subject")),
        ("comment", guarded("comment")),
        ("opens", sql.SQL("opens")),
        ("clicks", sql.SQL("clicks")),
        ("machine_opens", sql.SQL("machine_opens")),
        ("machine_clicks", sql.SQL("machine_clicks")),
        ("message_id", guarded("message_id")),
        ("argument", guarded("argument")),
        ("id", sql.SQL("id")),
    ]


def statement(access: Access, wanted: Filter, now: datetime) -> sql.Composed:
    """The COPY of this filter, newest first, with a line of names."""
    condition, values = resolve(wanted, access.account, now).sql()
    pieces = condition.split("%s")
    filled: list[sql.Composable] = [sql.SQL(pieces[0])]
    for value, piece in zip(values, pieces[1:], strict=True):
        filled += [sql.Literal(value), sql.SQL(piece)]
    named = [sql.SQL("{} as {}").format(made, sql.Identifier(name)) for name, made in columns()]
    return sql.SQL(
        "copy (select {} from feeds_email where {} order by id desc) to stdout with (format csv, header)"
    ).format(sql.SQL(", ").join(named), sql.Composed(filled))


def content(request: HttpRequest, access: Access, wanted: Filter, now: datetime) -> Generator[bytes] | Streamed:
    """What a streaming response of this filter iterates over, in the way of the server that asks.

    Django reads a plain iterator to its end before an asynchronous server sends the first byte.
    """
    return Streamed(access, wanted, now) if isinstance(request, ASGIRequest) else csv(access, wanted, now)


def csv(
    access: Access, wanted: Filter, now: datetime, begun: Callable[[psycopg.Connection], None] | None = None
) -> Generator[bytes]:
    """The feed of this filter as CSV (RFC 4180, UTF-8), in pieces of about 256 KB, none of them empty.

    A text that a spreadsheet would run is kept from it by an apostrophe. No time limit: the reader sets the pace.
    `begun` is told the connection before the first piece is asked for.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if begun:
            begun(connection.connection)
        cursor.execute("set local statement_timeout = 0")
        cursor.execute("select set_config('TimeZone', %s, true)", [access.account.time_zone])
        with cursor.copy(statement(access, wanted, now)):
            yield from copying.pieces(connection.connection, PIECE)


class Streamed:
    """The CSV for an asynchronous server: a thread reads it, a few pieces ahead of what was sent, and no further.

    Django calls `close` when the answer is over, also where its reader left before the end. Then the database is told
    to stop, and the connection is given back.
    """

    def __init__(self, access: Access, wanted: Filter, now: datetime) -> None:
        self._pieces = csv(access, wanted, now, self._begun)
        # A thread of its own, because Django's connections belong to threads.
        self._thread = ThreadPoolExecutor(1, "export")
        self._connection: psycopg.Connection | None = None
        self._over = False

    def _begun(self, used: psycopg.Connection) -> None:
        self._connection = used

    async def __aiter__(self) -> AsyncIterator[bytes]:
        coming = deque(self._next() for _ in range(AHEAD))
        try:
            while piece := await coming.popleft():
                coming.append(self._next())
                yield piece
            self._over = True
        finally:
            for one in coming:
                one.cancel()

    def _next(self) -> asyncio.Future[bytes]:
        return asyncio.get_running_loop().run_in_executor(self._thread, next, self._pieces, b"")

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

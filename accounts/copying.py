"""Reading a COPY in large pieces: psycopg gives rows one by one, which takes a download twice the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from collections.abc import Generator

    from psycopg import Connection
    from psycopg.pq.abc import PGconn


def pieces(connection: Connection, size: int) -> Generator[bytes, None, int]:
    """What the COPY TO STDOUT that was begun on this connection sends, in pieces of about `size` bytes of whole rows.

    Returns how many rows it were. Raises psycopg.Error where the database ends it with one.
    """
    rows = None
    while rows is None:
        piece, rows = connection.wait(_read(connection.pgconn, size))
        if piece:
            yield piece
    return rows


def _read(pgconn: PGconn, size: int) -> Generator[Wait, Ready | int, tuple[bytes, int | None]]:
    """One piece, and at the end how many rows there were; as a generator that psycopg waits with."""
    # Rows are copied and forgotten at once: a list of them would call the garbage collector over and over.
    piece = bytearray()
    read = pgconn.get_copy_data
    while len(piece) < size:
        length, row = read(1)
        if length > 0:
            piece += row
        elif length < 0:
            return bytes(piece), _end(pgconn)
        else:
            while not (yield Wait.R):
                pass
            pgconn.consume_input()
    return bytes(piece), None


def _end(pgconn: PGconn) -> int:
    """Take the COPY's result, which came together with its end: how many rows it gave."""
    result = pgconn.get_result()
    while pgconn.get_result() is not None:
        pass
    if result is None or result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result) if result else ConnectionError("The database ended the COPY without a word.")
    return result.command_tuples or 0

"""Reading a COPY in large pieces: psycopg gives rows one by one, which takes a download twice the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from psycopg import Connection
    from psycopg.pq.abc import PGconn


def pieces(connection: Connection, size: int) -> Iterator[bytes]:
    """What the COPY TO STDOUT that was begun on this connection sends, in pieces of about `size` bytes.

    Raises psycopg.Error where the database ends it with one.
    """
    over = False
    while not over:
        piece, over = connection.wait(_read(connection.pgconn, size))
        if piece:
            yield piece


def _read(pgconn: PGconn, size: int) -> Generator[Wait, Ready | int, tuple[bytes, bool]]:
    """One piece, and whether it was the last; as a generator that psycopg waits with."""
    # Rows are copied and forgotten at once: a list of them would call the garbage collector over and over.
    piece = bytearray()
    read = pgconn.get_copy_data
    while len(piece) < size:
        length, row = read(1)
        if length > 0:
            piece += row
        elif length < 0:
            _end(pgconn)
            return bytes(piece), True
        else:
            while not (yield Wait.R):
                pass
            pgconn.consume_input()
    return bytes(piece), False


def _end(pgconn: PGconn) -> None:
    """Take the COPY's result, which came together with its end."""
    result = pgconn.get_result()
    while pgconn.get_result() is not None:
        pass
    if result is None or result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result) if result else ConnectionError("The database ended the COPY without a word.")

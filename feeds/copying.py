"""Reading a COPY many rows at a time: psycopg gives them one by one, which takes a download twice the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from psycopg import Connection
    from psycopg.pq.abc import PGconn


def pieces(connection: Connection, rows: int) -> Iterator[bytes]:
    """What the COPY TO STDOUT that was begun on this connection sends, `rows` rows joined at a time.

    Raises psycopg.Error where the database ends it with one.
    """
    over = False
    while not over:
        found, over = connection.wait(_read(connection.pgconn, rows))
        if found:
            yield b"".join(found)


def _read(pgconn: PGconn, rows: int) -> Generator[Wait, Ready | int, tuple[list[memoryview], bool]]:
    """So many rows, and whether they were the last; as a generator that psycopg waits with."""
    found: list[memoryview] = []
    read = pgconn.get_copy_data
    while len(found) < rows:
        length, row = read(1)
        if length > 0:
            found.append(row)
        elif length < 0:
            _end(pgconn)
            return found, True
        else:
            while not (yield Wait.R):
                pass
            pgconn.consume_input()
    return found, False


def _end(pgconn: PGconn) -> None:
    """Take the COPY's result, which came together with its end."""
    result = pgconn.get_result()
    while pgconn.get_result() is not None:
        pass
    if result is None or result.status != ExecStatus.COMMAND_OK:
        raise error_from_result(result) if result else ConnectionError("The database ended the COPY without a word.")

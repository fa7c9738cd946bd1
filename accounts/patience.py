"""How long the database may take to answer somebody who waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


@contextmanager
def at_most(milliseconds: int) -> Iterator[None]:
    """Statements inside are stopped after this long; then the block is left by QueryCanceled."""
    outermost = not connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"set local statement_timeout = {milliseconds}")
            yield
            if not outermost:
                cursor.execute("set local statement_timeout to default")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise error.__cause__ from None
        raise

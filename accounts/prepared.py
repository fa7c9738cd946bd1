"""A cursor whose statements are planned once per connection: for those whose plan costs more than their run.

Django's own puts the values into the text, and has each text planned anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from django.db import connection

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


class _Preparing(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **_options: Any) -> _Preparing:
        return super().execute(query, params, prepare=True)


def cursor() -> CursorWrapper:
    """Like `connection.cursor()`, in the transaction there is.

    Plans are made without a look at the values, and kept as long as the connection: it is for statements where the
    same plan is good for all of them. A statement is alone in its text, and its values come with their types.
    """
    connection.ensure_connection()
    raw: Any = _Preparing(connection.connection)
    return connection.make_debug_cursor(raw) if connection.queries_logged else connection.make_cursor(raw)

"""A list as a file, straight from the database's COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from django.db import connection
from psycopg import sql

from accounts.cells import guarded
from accounts.streaming import File
from suppression.models import Covers, Origin, Reason

if TYPE_CHECKING:
    from enum import IntEnum

    from suppression.lists import List
    from suppression.sought import Sought

# Programs read these: names and order stay.
COPY = """
copy (
    select {target} as "address or domain", {covers} as "covers", {reason} as "reason", s.since as "since",
        s.added_at as "added", s.until as "until", {by} as "added by", {note} as "note", {comment} as "comment"
    from suppression_suppression s left join lateral (
        select origin, actor_name, note, comment from suppression_cause
        where suppression_id = s.id order by at, ident limit 1) c on true
    where {condition}
) to stdout with (format csv, header)
"""
# As `targets.shown` writes them, so that the import reads them.
TARGET = "case s.covers when 2 then '*' || s.target when 3 then '*@*' || substr(s.target, 2) else s.target end"
BY = "case when c.actor_name <> '' then c.actor_name else {0} end"


def file(at: List, sought: Sought) -> File:
    """The entries of this filter, with times in the zone of the list's account."""
    text, values = sought.sql(at.account_id)
    connection.ensure_connection()
    condition = sql.SQL(psycopg.ClientCursor(connection.connection).mogrify(text, values))
    statement = sql.SQL(COPY).format(
        target=guarded(sql.SQL(f"({TARGET})")),
        covers=_words("s.covers", Covers),
        reason=_words("s.reason", Reason),
        by=guarded(sql.SQL(f"({BY})").format(_words("c.origin", Origin))),
        note=guarded(sql.SQL("c.note")),
        comment=guarded(sql.SQL("c.comment")),
        condition=condition,
    )
    return File(statement, at.account.time_zone if at.account else "UTC")


def _words(column: str, names: type[IntEnum]) -> sql.Composable:
    listed = sql.SQL(", ").join(sql.Literal(one.name.lower()) for one in names)
    return sql.SQL("(array[{}])[{}]").format(listed, sql.SQL(column))

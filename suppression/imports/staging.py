"""Lines on their way to the list: copied beside it, and put on it from there, all of a step at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.db import connection

from suppression import causes
from suppression.models import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suppression.causes import Added
    from suppression.imports.models import Import
    from suppression.imports.reading import Line

CREATE = """
create temporary table if not exists suppression_line (target text not null, covers smallint not null,
    domain text not null, reason smallint not null, at timestamptz not null, until timestamptz, comment text not null,
    note text not null)
"""
COPY = "copy suppression_line from stdin"
# What all lines of an import have in common comes along here.
GIVEN = """
    select %(account)s::int as account_id, target, covers, domain, reason, %(ident)s::text as ident,
        %(origin)s::smallint as origin, at, until, %(now)s::timestamptz as added_at, null::int as source_id,
        null::bigint as email_id, null::bigint as event_key, %(import)s::bigint as import_id, %(user)s::int as user_id,
        null::int as key_id, %(actor_name)s::text as actor_name, comment, note
    from suppression_line
"""
# Lists grow by words of three letters each; of many at once the index takes each word up once.
TOGETHER = "set local gin_pending_list_limit = '64MB'"
_SIGNS = re.compile(r"[\\\t\n\r]")
_ESCAPED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def rows(lines: Iterable[Line]) -> str:
    """These lines as they go to the database."""
    return "".join(map(_row, lines))


def put(job: Import, rows: str, now: object) -> Added:
    """Put these on the list of this import, each target with a reason once; inside the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
        cursor.execute("truncate suppression_line")
        cursor.execute(TOGETHER)
        with cursor.copy(COPY) as copy:
            copy.write(rows)
        # Without it PostgreSQL takes a table nobody knows for a small one.
        cursor.execute("analyze suppression_line")
    return causes.put(
        GIVEN,
        {
            "account": job.account_id, "ident": job.ident, "origin": Origin.IMPORT, "now": now, "import": job.pk,
            "user": job.made_by_id, "actor_name": job.actor_name,
        },
    )  # fmt: skip


def _row(line: Line) -> str:
    target = line.target
    return (
        f"{_text(target.text)}\t{int(target.covers)}\t{_text(target.domain)}\t{int(line.reason)}\t{line.at}\t"
        f"{line.until or '\\N'}\t{_text(line.comment)}\t{_text(line.note)}\n"
    )


def _text(text: str) -> str:
    """As COPY takes it."""
    return _SIGNS.sub(lambda sign: _ESCAPED[sign[0]], text) if _SIGNS.search(text) else text

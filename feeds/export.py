"""The feed as a file: exactly the filter, streamed by `accounts.streaming`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from django.db import connection
from psycopg import sql

from accounts.streaming import File
from feeds.layouts import Layout
from feeds.terms import resolve

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Account
    from feeds.query import Filter


@dataclass(frozen=True, slots=True)
class Download:
    """Some emails in some layout, with times in a zone. `condition` is SQL that holds its values."""

    condition: sql.Composable
    layout: Layout
    time_zone: str

    @classmethod
    def of(cls, account: Account, wanted: Filter, layout: Layout, now: datetime) -> Download:
        """All emails of the account that meet this filter now, in the account's time. Raises Unclear."""
        return cls(matching(account, wanted, now), layout, account.time_zone)

    @property
    def file(self) -> File:
        layout = self.layout
        return File(layout.copy(self.condition), self.time_zone, layout.has_bom, layout.gzip)


def matching(account: Account, wanted: Filter, now: datetime) -> sql.Composable:
    """The emails of this filter as a condition that holds its values: COPY takes no parameters. Raises Unclear."""
    text, values = resolve(wanted, account, now).sql()
    connection.ensure_connection()
    return sql.SQL(psycopg.ClientCursor(connection.connection).mogrify(text, values))

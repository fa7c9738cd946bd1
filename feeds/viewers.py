"""Somebody who watches the feed, from the side of their stream: what is to be told to them next, and when.

All of this happens in the event loop of the web process; the hub's thread hands over what is new by `Viewer.tell`.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from feeds.models import id_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accounts.models import Account
    from feeds.live import Cursor
    from feeds.terms import Wanted

# More than this at once nobody can read: then the page is told to read afresh.
MOST_ROWS = 50
MOST_GONE = 500
# Rows are told as they come; whoever is sent more than this for longer than a moment is in a storm, and is told
# twice a second.
ROWS_PER_SECOND, ROWS_AT_ONCE = 20.0, 60.0
STORM_SECONDS = 0.5
# Of so many rows that were sent it is known that they are on the page: more than a page keeps.
REMEMBERED = 400
# An email stands where it first happened, or was received; the clock of the web server may be ahead of the database's.
CLOCKS_DIFFER = timedelta(seconds=5)


@dataclass(frozen=True, eq=False)
class Watch:
    """What somebody watches: a filter of an account, in a language. Those who watch the same share the work."""

    account: Account
    wanted: Wanted
    text: str
    language: str

    @property
    def key(self) -> tuple[int, str, str]:
        return self.account.id, self.text, self.language


@dataclass(frozen=True, slots=True)
class News:
    """What a watch is told: rows (by id, each as a JSON string of its HTML), ids of emails that no longer match, and
    how many rows there would be where they are too many. `is_lost`: nobody knows what came in between."""

    rows: Mapping[int, str]
    gone: Sequence[int] = ()
    many: int = 0
    is_lost: bool = False


class Viewer:
    """One open stream. What cannot be sent yet is kept here in its latest form only, and has a bound."""

    def __init__(self, watch: Watch, cursor: Cursor) -> None:
        self.watch = watch
        self.loop = asyncio.get_running_loop()
        # What the hub has told them, and, in the loop, what they were told.
        self.known = cursor
        self.cursor = cursor
        self._changed = asyncio.Event()
        self._rows: dict[int, str] = {}
        self._gone: set[int] = set()
        self._many = 0
        self._is_lost = False
        # Emails older than the viewer may be on the page already; of younger ones those that were sent.
        self.older = id_at(datetime.fromtimestamp(cursor.at / 1000, UTC) + CLOCKS_DIFFER)
        self._sent: dict[int, None] = {}
        self._credit, self._credited_at, self._told_at = ROWS_AT_ONCE, monotonic(), 0.0

    def tell(self, news: News) -> None:
        """Keep this to be sent. What is said of an email replaces what was said of it before."""
        self._is_lost |= news.is_lost
        self._many += news.many
        for email_id in news.gone:
            self._rows.pop(email_id, None)
            if email_id < self.older or email_id in self._sent:
                self._gone.add(email_id)
        self._gone -= news.rows.keys()
        self._rows |= news.rows
        if len(self._rows) > MOST_ROWS or len(self._gone) > MOST_GONE:
            self._many += max(1, len(self._rows))
        if self._many or self._is_lost:
            self._many = max(1, self._many)
            self._rows.clear()
            self._gone.clear()
        if self._rows or self._gone or self._many:
            self._changed.set()

    async def wait(self, seconds: float) -> None:
        """Until there is something to send and it is time to, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
                await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        now = monotonic()
        self._credit = min(ROWS_AT_ONCE, self._credit + (now - self._credited_at) * ROWS_PER_SECOND)
        self._credited_at = now
        return 0.0 if self._credit > 0 and not self._many else max(0.0, self._told_at + STORM_SECONDS - now)

    def take(self) -> bytes:
        """What is to be sent, as one event of the stream, with the place to resume from."""
        if self._many:
            name, data = "refresh", json.dumps({"n": 0 if self._is_lost else self._many})
        elif self._rows or self._gone:
            gone = ",".join(f'"{email_id}"' for email_id in self._gone)
            name, data = "rows", f'{{"rows":[{",".join(self._rows.values())}],"gone":[{gone}]}}'
        else:
            name, data = "here", ""
        self._sent_now()
        return f"id: {self.cursor}\nevent: {name}\ndata: {data}\n\n".encode()

    def _sent_now(self) -> None:
        self._told_at = monotonic()
        self._credit -= len(self._rows)
        for email_id in self._rows:
            self._sent.pop(email_id, None)
            self._sent[email_id] = None
        while len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self._rows.clear()
        self._gone.clear()
        self._many, self._is_lost = 0, False
        self._changed.clear()

"""Whoever watches the feed in this web process, served by one thread, one connection and one subscription.

The thread is there while somebody watches. It waits to be told by the broker that something changed, or for two
seconds where nobody tells; reads from the database what is new to anybody; loads each changed email once, asks the
switchboard who wants it, draws each row once for each language, and hands all of it to the event loop.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING

import redis
import structlog
from django.db import Error, connection
from django.utils import timezone, translation

from feeds import live, rows
from feeds.leaving import RECENT
from feeds.models import Email
from feeds.switchboard import Switchboard
from feeds.viewers import MOST_ROWS, News

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterable, Sequence

    from feeds.live import Cursor
    from feeds.switchboard import Party
    from feeds.viewers import Viewer

log = structlog.get_logger(__name__)

# Between two looks at the database: what comes in this time is told together.
GAP_SECONDS = 0.08
# The broker may be away, and nobody tells.
POLL_SECONDS = 2.0
AGAIN_SECONDS = 1.0
# Somebody who goes to another page comes back.
LINGER_SECONDS = 5.0
# Of an account at most so many changed emails are looked at at once; whoever missed more reads the page afresh.
MOST_EMAILS = 25_000
# So many are in memory at a time, and for each party.
EMAILS_AT_ONCE, KEPT_FOR_PARTY = 1000, 4 * MOST_ROWS


@dataclass(slots=True)
class Found:
    """What a party is told at most; some of its viewers know a part of it. Of many that match, only the first are kept
    as more than a number."""

    matching: dict[int, Email | None] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)

    def add(self, email: Email) -> None:
        self.matching[email.id] = email if len(self.matching) < KEPT_FOR_PARTY else None


class Hub:
    """One for each process. Everything but `join` and `leave` happens in its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._doors: deque[tuple[bool, Viewer]] = deque()
        self._board = Switchboard()

    def join(self, viewer: Viewer) -> None:
        """Tell this viewer, from their cursor on, what is new. Never waits."""
        self._doors.append((True, viewer))
        self._wake.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="hub", daemon=True)
                self._thread.start()

    def leave(self, viewer: Viewer) -> None:
        """Tell this viewer no more. Never waits."""
        self._doors.append((False, viewer))
        self._wake.set()

    @property
    def is_idle(self) -> bool:
        """Whether nobody watches, and nothing is left of those who did."""
        return self._thread is None

    def _serve(self) -> None:
        ear = Ear(self._wake)
        ear.start()
        deserted_since = None
        try:
            while True:
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()
                began = monotonic()
                self._admit()
                if self._board.parties:
                    deserted_since = None
                    self._look_safely()
                elif deserted_since is None:
                    deserted_since = monotonic()
                    connection.close()
                elif monotonic() - deserted_since > LINGER_SECONDS and self._ends():
                    return
                # What was drawn took the processor from the loop: it always gets a share.
                sleep(max(GAP_SECONDS / 4, GAP_SECONDS - (monotonic() - began)))
        finally:
            connection.close()
            ear.stop()

    def _ends(self) -> bool:
        with self._lock:
            if self._doors:
                return False
            self._thread = None
            return True

    def _admit(self) -> None:
        while self._doors:
            comes, viewer = self._doors.popleft()
            (self._board.add if comes else self._board.remove)(viewer)

    def _look_safely(self) -> None:
        """Where the database is away nobody's cursor moves, and all is told later. Where we are wrong ourselves, the
        pages are read afresh: the same again would only be as wrong."""
        try:
            self._look()
        except Error as error:
            log.warning("live_pages_wait", error=type(error).__name__)
            connection.close()
            sleep(AGAIN_SECONDS)
            self._wake.set()
        except Exception:
            log.exception("live_pages_lost")
            self._lose()
            sleep(AGAIN_SECONDS)

    def _lose(self) -> None:
        with suppress(Error):
            now = live.cursor_now()
            self._hand_over([(viewer, News({}, is_lost=True)) for viewer in self._board.viewers], now)

    def _look(self) -> None:
        """Tell everybody what is new to them, as of one moment."""
        cursors = {viewer.known for viewer in self._board.viewers}
        found: dict[Party, Found] = defaultdict(Found)
        with live.one_moment() as now:
            look = Look.at(cursors, {party.watch.account.id for party in self._board.parties.values()}, now)
            for first in range(0, len(look.emails), EMAILS_AT_ONCE):
                self._find(look.emails[first : first + EMAILS_AT_ONCE], found)
        drawn = Drawn()
        told = [one for party in self._board.parties.values() for one in look.told(party, found.get(party), drawn)]
        self._hand_over(told, now)

    def _find(self, email_ids: Sequence[int], found: dict[Party, Found]) -> None:
        """Load these emails and ask who wants them."""
        recent = timezone.now() - RECENT
        for email in Email.objects.filter(id__in=email_ids):
            for party in self._board.asked(email):
                if party.wants(email):
                    found[party].add(email)
                elif party.may_lose(email, recent):
                    found[party].gone.append(email.id)

    def _hand_over(self, told: list[tuple[Viewer, News]], now: Cursor) -> None:
        """Give each event loop what its viewers are told, and all viewers the cursor they have reached by it."""
        news: dict[AbstractEventLoop, list[tuple[Viewer, News]]] = defaultdict(list)
        everybody: dict[AbstractEventLoop, list[Viewer]] = defaultdict(list)
        for viewer, one in told:
            news[viewer.loop].append((viewer, one))
        for viewer in self._board.viewers:
            viewer.known = now
            everybody[viewer.loop].append(viewer)
        for loop, viewers in everybody.items():
            try:
                loop.call_soon_threadsafe(_tell, news[loop], viewers, now)
            except RuntimeError:
                # The loop is closed, and whoever was served by it is gone.
                for viewer in viewers:
                    self._board.remove(viewer)


def _tell(told: list[tuple[Viewer, News]], viewers: list[Viewer], now: Cursor) -> None:
    """In the event loop."""
    for viewer, news in told:
        viewer.tell(news)
    for viewer in viewers:
        viewer.cursor = now


class Drawn:
    """The rows of one look, each drawn once for each language when it is first asked for; as JSON strings."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str], str] = {}
        self._now = timezone.now()

    def of(self, party: Party, emails: Iterable[Email]) -> dict[int, str]:
        """The rows of these emails by id, for this party."""
        language, known = party.watch.language, self._rows
        missing = [email for email in emails if (email.id, language) not in known]
        if missing:
            with translation.override(language):
                for email, row in zip(missing, rows.draw(missing, party.watch.account, self._now), strict=True):
                    known[email.id, language] = json.dumps(row)
        return {email.id: known[email.id, language] for email in emails}


@dataclass(frozen=True, slots=True)
class Look:
    """What is new to each of the cursors: which emails, or for which accounts nobody can say."""

    emails: list[int]
    new: dict[Cursor, set[int]]
    lost: dict[Cursor, set[int]]

    @classmethod
    def at(cls, cursors: set[Cursor], account_ids: set[int], now: Cursor) -> Look:
        known = {cursor for cursor in cursors if not cursor.is_lost(now)}
        found = live.changes(known, account_ids, MOST_EMAILS) if known else []
        new: dict[Cursor, set[int]] = {cursor: set() for cursor in known}
        lost: dict[Cursor, set[int]] = {cursor: set() for cursor in known}
        lost |= dict.fromkeys(cursors - known, account_ids)
        for cursor in known:
            for change in found:
                if not cursor.has(change.xid):
                    if change.emails is None:
                        lost[cursor].add(change.account_id)
                    else:
                        new[cursor].update(change.emails)
        return cls(sorted(set().union(*new.values())), new, lost)

    def told(self, party: Party, found: Found | None, drawn: Drawn) -> list[tuple[Viewer, News]]:
        """What each viewer of the party is told. Those of the same cursor are told the same."""
        news: dict[Cursor, News | None] = {}
        for viewer in party.viewers:
            if viewer.known not in news:
                news[viewer.known] = self._news(party, viewer.known, found, drawn)
        return [(viewer, one) for viewer in party.viewers if (one := news[viewer.known]) is not None]

    def _news(self, party: Party, cursor: Cursor, found: Found | None, drawn: Drawn) -> News | None:
        if party.watch.account.id in self.lost[cursor]:
            return News({}, is_lost=True)
        if found is None:
            return None
        new = self.new[cursor]
        matching = found.matching.keys() & new
        gone = [email_id for email_id in found.gone if email_id in new]
        emails = [email for email_id in matching if (email := found.matching[email_id])]
        if len(matching) > MOST_ROWS or len(emails) < len(matching):
            return News({}, many=len(matching))
        party.note(matching)
        return News(drawn.of(party, emails), gone) if matching or gone else None


class Ear(threading.Thread):
    """Listens to the broker, and wakes the hub. While the broker is away the hub looks by itself."""

    def __init__(self, wake: threading.Event) -> None:
        super().__init__(name="hub's ear", daemon=True)
        self._wake = wake
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()
        self.join(5)

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with live.broker().pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(live.CHANNEL)
                    # What was told while nobody listened.
                    self._wake.set()
                    while not self._stopped.is_set():
                        if channel.get_message(timeout=1.0):
                            self._wake.set()
            except redis.RedisError as error:
                log.warning("live_pages_hear_nothing", error=type(error).__name__)
                self._stopped.wait(AGAIN_SECONDS)


hub = Hub()

"""Whoever watches the feed in this web process, served by one thread, one connection and one subscription.

The thread is there while somebody watches. It waits to be told by the broker that something changed, or for two
seconds where nobody tells; reads from the database what is new to anybody; loads each changed email once, asks the
switchboard who wants it, draws each row once for each language, and hands all of it to the event loop.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING

import redis
import structlog
from django.db import Error, connection

from feeds import live
from feeds.looks import Drawn, look
from feeds.switchboard import Switchboard
from feeds.viewers import News

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from feeds.live import Cursor
    from feeds.viewers import Viewer

log = structlog.get_logger(__name__)

# Between two looks at the database: what comes in this time is told together.
GAP_SECONDS = 0.08
# The broker may be away, and nobody tells.
POLL_SECONDS = 2.0
AGAIN_SECONDS = 1.0
# Somebody who goes to another page comes back.
LINGER_SECONDS = 5.0
# Of those who come at once, as when another process ended, so many are let in together.
ARRIVAL_SECONDS = 0.5


class Hub:
    """One for each process. Everything but `join` and `leave` happens in its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._doors: deque[tuple[bool, Viewer]] = deque()
        # Those who were told all there is, and those who bring cursors of their own.
        self._board = Switchboard()
        self._arrivals: dict[Viewer, None] = {}
        self._arrived_at = 0.0

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
                if self._board.parties or self._arrivals:
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
            if comes:
                self._arrivals[viewer] = None
            else:
                self._arrivals.pop(viewer, None)
                self._board.remove(viewer)

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
            viewers = [*self._board.viewers, *self._arrivals]
            self._hand_over(viewers, [(viewer, News({}, is_lost=True)) for viewer in viewers], now)
            self._settle(Switchboard.of(self._arrivals))

    def _look(self) -> None:
        """Tell everybody what is new to them, as of one moment."""
        drawn, newcomers = Drawn(), Switchboard()
        if self._arrivals and monotonic() - self._arrived_at > ARRIVAL_SECONDS:
            self._arrived_at = monotonic()
            newcomers = Switchboard.of(self._arrivals)
        with live.one_moment() as now:
            # What only those who come have missed is asked of them alone.
            told = look(self._board, now, drawn) + look(newcomers, now, drawn)
        self._hand_over([*self._board.viewers, *newcomers.viewers], told, now)
        self._settle(newcomers)
        if self._arrivals:
            self._wake.set()

    def _settle(self, newcomers: Switchboard) -> None:
        """From now on these are told what all others are."""
        for party in newcomers.parties.values():
            for viewer in party.viewers:
                self._arrivals.pop(viewer, None)
                self._board.add(viewer).note(party.told)

    def _hand_over(self, viewers: list[Viewer], told: list[tuple[Viewer, News]], now: Cursor) -> None:
        """Give each event loop what its viewers are told, and each viewer the cursor they have reached by it."""
        news: dict[AbstractEventLoop, list[tuple[Viewer, News]]] = defaultdict(list)
        everybody: dict[AbstractEventLoop, list[Viewer]] = defaultdict(list)
        for viewer, one in told:
            news[viewer.loop].append((viewer, one))
        for viewer in viewers:
            viewer.known = now
            everybody[viewer.loop].append(viewer)
        for loop, those in everybody.items():
            try:
                loop.call_soon_threadsafe(_tell, news[loop], those, now)
            except RuntimeError:
                # The loop is closed, and whoever was served by it is gone.
                self._doors.extend((False, viewer) for viewer in those)


def _tell(told: list[tuple[Viewer, News]], viewers: list[Viewer], now: Cursor) -> None:
    """In the event loop."""
    for viewer, news in told:
        viewer.tell(news)
    for viewer in viewers:
        viewer.cursor = now


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

"""Hits that come at the same time are kept together: one statement for all that waited for the last one."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from django.db import close_old_connections

from tracking import hits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tracking.hits import Hit

log = structlog.get_logger(__name__)

# Who opens or follows a link waits until the hit is kept, but no longer than this (seconds): nothing was promised to
# them, and a disk or a database that is slow today must not be felt by everybody who reads a mail.
LONGEST_WAIT = 0.008
# While the last ones take longer than this, as where the database just went away, the next go ahead beside them.
PATIENCE = 0.02
THREADS = 6
# So many, or of so many letters, go into one statement; the next ones go beside it.
MOST, MOST_LETTERS = 1000, 1_000_000
# While all threads wait for a database that is about to be given up, what more comes goes to disk at once; so many
# times MOST may wait for the disk. Whatever happens, the memory of this has a bound.
MOST_ASIDE = 8
# After a few the thread waits a moment for more (seconds): each statement costs the same, and takes time from answers.
FEW, GATHERING = 50, 0.003


class _Together:
    """Hits to be kept with one statement, and who waits until that is done or takes too long to wait for."""

    __slots__ = ("hits", "is_late", "letters", "limit", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.hits: list[Hit] = []
        self.letters = 0
        self.waiting: list[asyncio.Future[None]] = []
        self.is_late = False
        self.limit = loop.call_later(LONGEST_WAIT, self.answer)

    def answer(self) -> None:
        """Let go who waits. In the loop."""
        self.is_late = True
        self.limit.cancel()
        for one in self.waiting:
            if not one.done():
                one.set_result(None)
        self.waiting = []


class Recorder:
    """Keeps hits for one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, "hits")
        self._disk = ThreadPoolExecutor(1, "hits-aside")
        # Guards what the loop and the threads share.
        self._lock = threading.Lock()
        self._waiting: _Together | None = None
        self._at_work = 0
        self._aside = 0

    def keep(self, one: Hit) -> asyncio.Future[None] | None:
        """Keep this hit; what it gives is done when it is kept, or after LONGEST_WAIT while it is still being done.
        None where there is nothing to wait for."""
        with self._lock:
            together = self._waiting
            is_first = together is None
            if together is None:
                together = self._waiting = _Together(self._loop)
            together.hits.append(one)
            together.letters += len(one.agent) + len(one.url)
            is_full = len(together.hits) >= MOST or together.letters >= MOST_LETTERS
            is_idle = self._at_work == 0
            is_aside = is_full and self._at_work >= THREADS
            if is_aside:
                self._waiting = None
        if is_aside:
            self._put_aside(together)
        elif is_full:
            self._start(together)
        elif is_first and is_idle:
            # What comes in the same turn of the loop goes along.
            self._loop.call_soon(self._start, together)
        elif is_first:
            self._loop.call_later(PATIENCE, self._start, together)
        if together.is_late:
            return None
        waiter = self._loop.create_future()
        together.waiting.append(waiter)
        return waiter

    def _start(self, together: _Together) -> None:
        """Have a thread look, unless these were taken along meanwhile; one of those at work will, where all are."""
        with self._lock:
            if self._waiting is not together or self._at_work >= THREADS:
                return
            self._at_work += 1
        self._threads.submit(self._work)

    def _work(self) -> None:
        """In a thread: keep what waits until nothing does, over one connection."""
        try:
            while (together := self._take()) is not None:
                self._keep(together, hits.keep)
                if len(together.hits) < FEW:
                    time.sleep(GATHERING)
        finally:
            close_old_connections()

    def _take(self) -> _Together | None:
        with self._lock:
            together, self._waiting = self._waiting, None
            if together is None:
                self._at_work -= 1
            return together

    def _keep(self, together: _Together, keep: Callable[[Sequence[Hit]], None]) -> None:
        """In a thread: keep these, by one way or the other."""
        try:
            keep(together.hits)
        except Exception as error:
            log.exception("hits_lost", count=len(together.hits), error=type(error).__name__)
        # At the end of the process the loop may be closed before the last ones are kept.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(together.answer)

    def _put_aside(self, together: _Together) -> None:
        """Write these to disk without asking the database."""
        with self._lock:
            if self._aside >= MOST_ASIDE:
                is_lost = True
            else:
                is_lost, self._aside = False, self._aside + 1
        if is_lost:
            log.error("hits_lost", count=len(together.hits), error="the disk is too slow")
            self._loop.call_soon(together.answer)
            return
        self._disk.submit(self._work_aside, together)

    def _work_aside(self, together: _Together) -> None:
        self._keep(together, hits.put_aside)
        with self._lock:
            self._aside -= 1

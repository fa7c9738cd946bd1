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
    from tracking.hits import Hit

log = structlog.get_logger(__name__)

# Who opens or follows a link waits until the hit is kept, but no longer than this (seconds): nothing was promised to
# them, and a disk or a database that is slow today must not be felt by everybody who reads a mail.
LONGEST_WAIT = 0.008
# While the last ones take longer than this, as where the database just went away, the next go ahead beside them.
PATIENCE = 0.02
THREADS = 6
# So many go into one statement; the next ones go beside it.
MOST = 1000
# After a few the thread waits a moment for more (seconds): each statement costs the same, and takes time from answers.
FEW, GATHERING = 50, 0.003


class _Together:
    """Hits to be kept with one statement, and the moment that is done or takes too long to wait for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.hits: list[Hit] = []
        self.done = asyncio.Event()
        self.limit = loop.call_later(LONGEST_WAIT, self.done.set)

    def end(self) -> None:
        self.limit.cancel()
        self.done.set()


class Recorder:
    """Keeps hits for one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, "hits")
        # Guards what the loop and the threads share.
        self._lock = threading.Lock()
        self._waiting: _Together | None = None
        self._at_work = 0

    async def keep(self, one: Hit) -> None:
        """Keep this hit; comes back when it is, or after LONGEST_WAIT while it is still being done."""
        with self._lock:
            together = self._waiting
            is_first = together is None
            if together is None:
                together = self._waiting = _Together(self._loop)
            together.hits.append(one)
            is_idle = self._at_work == 0
        if is_first and is_idle:
            # What comes in the same turn of the loop goes along.
            self._loop.call_soon(self._start, together)
        elif is_first:
            self._loop.call_later(PATIENCE, self._start, together)
        elif len(together.hits) == MOST:
            self._start(together)
        await together.done.wait()

    def _start(self, together: _Together) -> None:
        """Have a thread look, unless these were taken along meanwhile."""
        with self._lock:
            if self._waiting is not together:
                return
            self._at_work += 1
        self._threads.submit(self._work)

    def _work(self) -> None:
        """In a thread: keep what waits until nothing does, over one connection."""
        try:
            while (together := self._take()) is not None:
                try:
                    hits.keep(together.hits)
                except Exception as error:
                    log.exception("hits_lost", count=len(together.hits), error=type(error).__name__)
                # At the end of the process the loop may be closed before the last ones are kept.
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(together.end)
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

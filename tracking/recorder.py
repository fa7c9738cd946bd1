"""Hits that come at the same time are kept together: one statement for all that waited for the last one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import structlog
from django.db import close_old_connections

from tracking import hits

if TYPE_CHECKING:
    from tracking.hits import Hit

log = structlog.get_logger(__name__)

# Who opens or follows a link waits until the hit is kept, but no longer than this.
LONGEST_WAIT = 0.25
# While the last ones take longer than this, as where the database just went away, the next go ahead beside them.
PATIENCE = 0.02
THREADS = 6
MOST = 1000


class _Together:
    """Hits to be kept with one statement, and the moment that is done or takes too long to wait for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.hits: list[Hit] = []
        self.done = asyncio.Event()
        self.limit = loop.call_later(LONGEST_WAIT, self.done.set)


class Recorder:
    """Keeps hits for one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, "hits")
        self._waiting: _Together | None = None
        self._at_work = 0
        self._later: asyncio.TimerHandle | None = None

    async def keep(self, one: Hit) -> None:
        """Keep this hit; comes back when it is, or after LONGEST_WAIT while it is still being done."""
        together = self._waiting
        if together is None:
            together = self._waiting = _Together(self.loop)
            if self._at_work:
                self._later = self.loop.call_later(PATIENCE, self._start)
            else:
                # What comes in the same turn of the loop goes along.
                self.loop.call_soon(self._start)
        together.hits.append(one)
        if len(together.hits) >= MOST:
            self._start()
        await together.done.wait()

    def _start(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        together, self._waiting = self._waiting, None
        if together is None:
            return
        self._at_work += 1
        work = self.loop.run_in_executor(self._threads, _keep, together.hits)
        work.add_done_callback(partial(self._finished, together))

    def _finished(self, together: _Together, work: asyncio.Future[None]) -> None:
        self._at_work -= 1
        together.limit.cancel()
        together.done.set()
        if not work.cancelled() and (error := work.exception()) is not None:
            log.error("hits_lost", count=len(together.hits), error=repr(error))
        if not self._at_work:
            self._start()


def _keep(together: list[Hit]) -> None:
    try:
        hits.keep(together)
    finally:
        close_old_connections()

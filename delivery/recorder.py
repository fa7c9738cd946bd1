"""Writes what came of many emails at a time, beside the lanes: their events, and their rows of the queue."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from delivery import outcomes, queue, throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from delivery.outcomes import Done
    from delivery.throttle import Slower

log = structlog.get_logger(__name__)

# The feed is behind the wire by so long, and one transaction is as large as this. Where writing takes long, because
# the machine is busy, more is gathered for it: else small batches would make it busier still.
GATHER_SECONDS, LONGEST_SECONDS, TIMES, GATHER = 0.1, 1.0, 4, 200
# While so many come in such a time there will soon be a batch that is worth its statements: they cost as much for one
# email as for a hundred. So long is waited for it.
MANY, MANY_SECONDS = 10, 0.5
RETRY_SECONDS = 0.5


class Recorder(threading.Thread):
    """The thread that does it. `forget` is told the emails that this mailer has nothing to do with any more."""

    def __init__(self, mailer_id: int, forget: Callable[[Iterable[int]], None]) -> None:
        super().__init__(name="recorder", daemon=True)
        self.mailer_id, self.forget = mailer_id, forget
        self.some = threading.Condition()
        self.done: list[Done] = []
        self.returned: dict[int, datetime] = {}
        self.slower: list[Slower] = []
        self.closed = False
        self.gather = GATHER_SECONDS

    def settle(self, done: Sequence[Done]) -> None:
        """Have these written; they are kept in the journal already."""
        with self.some:
            was_waiting = not self.done
            self.done += done
            if was_waiting or len(self.done) >= GATHER:
                self.some.notify()

    def give_back(self, email_id: int, not_before: datetime) -> None:
        """Have this email given back to the queue: it was not begun."""
        with self.some:
            self.returned[email_id] = not_before
            self.some.notify()

    def slow_down(self, slower: Slower) -> None:
        """Have the others know that a destination is to rest."""
        with self.some:
            self.slower.append(slower)
            self.some.notify()

    def close(self) -> None:
        """End when all is written."""
        with self.some:
            self.closed = True
            self.some.notify()

    def run(self) -> None:
        while True:
            with self.some:
                while not (self.done or self.returned or self.slower or self.closed):
                    self.some.wait()
                self._gather()
                if not (self.done or self.returned or self.slower):
                    break
                batch, self.done = self.done[:GATHER], self.done[GATHER:]
                returned, self.returned = self.returned, {}
                slower, self.slower = self.slower, []
            began = time.monotonic()
            self._write(batch, returned, slower)
            self.gather = min(LONGEST_SECONDS, max(GATHER_SECONDS, TIMES * (time.monotonic() - began)))
            self.forget(done.outgoing.email_id for done in batch)
            self.forget(returned)
        connection.close()

    def _gather(self) -> None:
        """Wait for what goes into the same transaction. Holds the lock."""
        began, known = time.monotonic(), 0
        until = began + self.gather
        while len(self.done) < GATHER and not self.closed:
            if (left := until - time.monotonic()) > 0:
                self.some.wait(left)
            elif len(self.done) < known + MANY or until - began >= MANY_SECONDS:
                break
            else:
                known, until = len(self.done), until + self.gather

    def _write(
        self, batch: list[Done], returned: dict[int, datetime] | None = None, slower: Sequence[Slower] = ()
    ) -> None:
        """Until it is written. What the database refuses together is tried one by one, so that one cannot stop all."""
        while True:
            try:
                outcomes.settle(batch, self.mailer_id, timezone.now())
                queue.release(returned or {}, self.mailer_id)
                for complaint in slower:
                    throttle.slow(complaint)
                return
            except (OperationalError, InterfaceError) as error:
                log.warning("recorder_waits", error=str(error).partition("\n")[0])
                connection.close()
                threading.Event().wait(RETRY_SECONDS)
            except DatabaseError:
                if not batch:
                    raise
                if len(batch) == 1:
                    # Its attempt is kept, so it is not sent again; it stays claimed until somebody mends this.
                    log.exception("outcome_refused", email=batch[0].outgoing.email_id)
                else:
                    for done in batch:
                        self._write([done])
                batch = []

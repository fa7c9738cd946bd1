"""A lane sends the emails of one destination, one after the other, over a connection it keeps open."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, InterfaceError
from django.db import connection as database
from django.utils import timezone

from delivery import deliver, hands
from delivery.compose import ContentGone
from delivery.models import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from delivery.compose import Mail
    from delivery.destinations import Destination, Job
    from delivery.journal import Ticket
    from delivery.mailer import Mailer
    from delivery.outcomes import Done
    from delivery.transports.base import Connection, Outcome, Way
    from feeds.replies import Judgement

log = structlog.get_logger(__name__)

# A lane with nothing to do keeps its connection for so long.
IDLE_SECONDS = 15.0


class Lane(threading.Thread):
    """One thread, one connection, one destination."""

    def __init__(self, mailer: Mailer, destination: Destination, number: int) -> None:
        super().__init__(name=f"lane {number} to {destination.key}", daemon=True)
        self.mailer, self.destination, self.number = mailer, destination, number
        self.way: Way | None = None
        self.connection: Connection | None = None
        # What the others want to know: since when it waits for the server, or for something to do; and whether it
        # should go, because others need it more.
        self.busy_since: float | None = None
        self.idle_since: float | None = None
        self.unwanted = False

    def begin(self) -> bool:
        """Start it. False where the system has no thread to spare: what waits for it is given back in a while."""
        try:
            self.start()
        except RuntimeError:
            log.exception("lane_without_thread", destination=self.destination.key)
            return False
        return True

    def run(self) -> None:
        try:
            self._run()
        except Exception:
            log.exception("lane_broke", destination=self.destination.key)
        finally:
            self._hang_up()
            database.close()
            self.mailer.lane_ended(self)

    def _run(self) -> None:
        job = self.destination.take(self, IDLE_SECONDS)
        ticket = self.mailer.journal.note(self.number, job.outgoing.email_id) if job else None
        while job is not None and ticket is not None:
            done = self._deliver(job, ticket)
            following = self.destination.take(self) if self.mailer.goes_on else None
            ticket = self.mailer.journal.note(self.number, following.outgoing.email_id if following else None, done)
            self.mailer.done_with(self.destination, job, done)
            if following is None and self.mailer.goes_on:
                following = self.destination.take(self, IDLE_SECONDS)
                if following is not None:
                    ticket = self.mailer.journal.note(self.number, following.outgoing.email_id)
            job = following

    def _deliver(self, job: Job, ticket: Ticket) -> Done | None:
        with hands.holding(job.message) as has_room:
            return self._take_through(job, ticket) if has_room else None

    def _take_through(self, job: Job, ticket: Ticket) -> Done | None:
        """Take one email through its steps; None where it was not begun.

        Whatever breaks, it comes out of them: else it would be in nobody's hands for as long as this process lives.
        """
        outcome: Outcome | None = None
        started_at, began = timezone.now(), time.monotonic()
        try:
            mail, whole = self._prepare(job)
        except ContentGone as error:
            outcome = deliver.failed(str(error), final=True)
        except Exception as error:
            # One odd email must not hold up the others; it is tried again like any that was refused for now.
            log.exception("email_broke", email=job.outgoing.email_id)
            outcome = deliver.broken(error)
        ticket.kept.wait()
        if outcome is None and (known := self.destination.shared_answer()):
            outcome = deliver.shared(known)
        if outcome is None:
            try:
                if not self._may_begin(job):
                    return None
                started_at, began = timezone.now(), time.monotonic()
                outcome = self._send(job, mail, whole)
            except Exception as error:
                log.exception("email_broke", email=job.outgoing.email_id)
                outcome = deliver.broken(error)
            else:
                self.mailer.heard(self.destination, outcome)
        done, judgement = self._judge(job, outcome, started_at, int((time.monotonic() - began) * 1000))
        if done.verdict == Verdict.THROTTLE:
            self.mailer.slow_down(self.destination, judgement.retry_after, done.reply)
        return done

    def _judge(self, job: Job, outcome: Outcome, started_at: datetime, took_ms: int) -> tuple[Done, Judgement]:
        try:
            return deliver.classify(job, outcome, started_at, took_ms)
        except Exception as error:
            # What was sent must be noted, or it would be sent again: then without what is so odd about the answer.
            log.exception("answer_broke", email=job.outgoing.email_id)
            return deliver.classify(job, deliver.bare(outcome, error), started_at, took_ms)

    def _prepare(self, job: Job) -> tuple[Mail, bytes]:
        try:
            mail = deliver.track(job, deliver.compose(job))
            return mail, deliver.sign(job, mail)
        finally:
            # Texts or files had to be read: a lane has no connection to the database for long.
            if database.connection is not None and not database.in_atomic_block:
                database.close()

    def _may_begin(self, job: Job) -> bool:
        """Whether nothing came up since it was claimed, and the others still know us."""
        if pause := self.destination.pause():
            self.mailer.ending.wait(pause)
        if self.destination.limit.is_slowed(timezone.now()):
            return False
        if time.monotonic() - job.checked_at > deliver.FRESH_SECONDS and not self._is_still_wanted(job):
            return False
        return self.mailer.may_begin()

    def _is_still_wanted(self, job: Job) -> bool:
        try:
            return deliver.still_wanted(job)
        except (DatabaseError, InterfaceError):
            return False
        finally:
            database.close()

    def _send(self, job: Job, mail: Mail, whole: bytes) -> Outcome:
        way = self.mailer.ways.of(job.transport)
        if self.connection is None or self.way is not way or not self.connection.usable:
            self._hang_up()
            self.way, self.connection = way, way.connect(way.destination_of(job.outgoing))
        self.busy_since = time.monotonic()
        try:
            return deliver.send(self.connection, mail, whole)
        except Exception as error:
            log.exception("connection_broke", destination=self.destination.key)
            self._hang_up()
            return deliver.failed(f"The connection broke off ({type(error).__name__}).")
        finally:
            self.busy_since = None

    def _hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

"""A process that sends: it claims what is due, hands it to its lanes, and keeps what they did.

There is one in each process of the worker for the queue `send`. It stays between tasks, with its connections; a task
only lets it look for a while.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from delivery import deliver, housekeeping, queue, roster, throttle
from delivery.destinations import HANGS_SECONDS, Destination, key_of
from delivery.journal import Journal
from delivery.lanes import Lane
from delivery.recorder import Recorder
from delivery.routes import Book
from delivery.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from delivery.destinations import Job
    from delivery.models import Transport
    from delivery.outcomes import Done
    from delivery.queue import Pair
    from delivery.throttle import Key
    from delivery.transports.base import Outcome

log = structlog.get_logger(__name__)

LANES = 100
# Claimed and not settled yet: what a mailer keeps in memory, and what has to be looked at when it dies.
MOST_CLAIMED = 500
# A pair gets so many in one go while others wait for their turn.
FAIR = 20
# What waited in a lane for so long is given back: another mailer may be quicker, and nothing is claimed for nothing.
STALE_SECONDS = 20.0
# After the last email a mailer stays for this long: who was told "look now" a moment ago is not told again.
LINGER_SECONDS, LINGER_LOOKS = 0.2, 5
WAIT_SECONDS = 0.05
LIMITS_SECONDS = 2.0
CLOSE_SECONDS = 1.5
# Where it ends before it is told of an email, it is about the whole destination.
BEFORE = frozenset({"dns", "connect", "banner", "ehlo", "tls", "auth"})

# Shared with the processes that are forked after it was made: the worker says by it that they are to end.
_leaving = mmap.mmap(-1, 1)


def leave() -> None:
    """Have the mailers of all processes of this worker finish what they are at, and give back the rest."""
    _leaving[0] = 1


def is_leaving() -> bool:
    return _leaving[0] == 1


class Mailer:
    """The one of this process."""

    def __init__(self, lanes: int = LANES) -> None:
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.more = threading.Condition(self.lock)
        self.ending = threading.Event()
        self.book, self.ways = Book(), Ways()
        self.destinations: dict[Key, Destination] = {}
        self.free = list(range(lanes - 1, -1, -1))
        self.most_lanes = lanes
        self.claimed: set[int] = set()
        self.after, self.there_is_more = queue.START, False
        self.slowed: dict[Pair, datetime] = {}
        self.id = roster.register(lanes)
        self.mailers, self.beat_at, self.lost = 1, time.monotonic(), False
        self.journal = Journal(self.id, self._kept, self.give_up)
        self.recorder = Recorder(self.id, self._forget)
        self.keeper, self.pulse = housekeeping.Keeper(self), housekeeping.Pulse(self)
        for thread in (self.journal, self.recorder, self.keeper, self.pulse):
            thread.start()

    # ---- Looking for work -----------------------------------------------------------------------------------

    def work(self, seconds: float = 20) -> int:
        """Send what is due until nothing is, or for about this long; returns how many emails were claimed."""
        end, quiet, claimed = time.monotonic() + seconds, 0, 0
        while time.monotonic() < end and self.goes_on:
            found = self.look()
            claimed += found
            if found or self._is_busy():
                quiet = 0
                if not found:
                    self._wait(WAIT_SECONDS)
            elif not claimed or quiet == LINGER_LOOKS:
                break
            else:
                quiet += 1
                self._wait(LINGER_SECONDS / LINGER_LOOKS)
        return claimed

    def _is_busy(self) -> bool:
        """Whether some destination that answers has emails waiting here: there will soon be room for more."""
        with self.lock:
            return any(d.jobs and d.is_proven for d in self.destinations.values())

    def _wait(self, seconds: float) -> None:
        with self.more:
            self.more.wait(seconds)

    def look(self) -> int:
        """Claim one slice of what is due and hand it to the lanes; returns how many emails."""
        now = timezone.now()
        began, is_round = self.after, self.after == queue.START
        found = queue.Look((), queue.START)
        while self.goes_on and self._room() >= MOST_CLAIMED // 5:
            found = queue.look(self.after, now)
            if wanted := self._choose(found, now):
                ready = deliver.claim(wanted, self.id, self.book, now)
                self._hand_out(ready)
                if ready:
                    self.there_is_more = True
                    return len(ready)
            if is_round and (self.after == queue.START or (began != queue.START and self.after >= began)):
                break
            is_round = is_round or self.after == queue.START
        self.there_is_more = bool(found.pairs)
        return 0

    def _room(self) -> int:
        return MOST_CLAIMED - len(self.claimed)

    def _choose(self, found: queue.Look, now: datetime) -> list[tuple[Pair, int]]:
        """How many to claim of each pair: as many as its destination has room for, and a few of each in turn."""
        rules = self.book.of({pair.account_id for pair in found.pairs})
        self.after = found.after
        pairs = [pair for pair in found.pairs if not rules[pair.account_id].is_locked]
        keys = {pair: [key_of(t, pair.domain) for t in rules[pair.account_id].possible()] for pair in pairs}
        transports = {t.id: t for r in rules.values() for t in r.transports.values()}
        with self.lock:
            self._refresh({key for several in keys.values() for key in several}, transports)
            left = {key: self.destinations[key].room(now) for several in keys.values() for key in several}
            self._note_slowed(keys, now)
        room = self._room()
        wanted: dict[Pair, int] = defaultdict(int)
        for most in (FAIR, MOST_CLAIMED):
            for pair, several in keys.items():
                best = max(several, key=left.__getitem__)
                n = min(most, left[best], room)
                if n > 0:
                    wanted[pair] += n
                    left[best] -= n
                    room -= n
                if room <= 0:
                    # The next look goes on behind this one.
                    self.after = (pair.account_id, pair.domain)
                    return list(wanted.items())
        return list(wanted.items())

    def _note_slowed(self, keys: Mapping[Pair, Sequence[Key]], now: datetime) -> None:
        """Remember which pairs wait because all their destinations rest, for who looks after what waits for long."""
        for pair, several in keys.items():
            limits = [self.destinations[key].limit for key in several]
            untils = [limit.slowed_until for limit in limits if limit.slowed_until and limit.is_slowed(now)]
            if len(untils) == len(several):
                self.slowed[pair] = min(untils)
            else:
                self.slowed.pop(pair, None)

    def _refresh(self, keys: Iterable[Key], transports: dict[int, Transport]) -> None:
        """Have all these destinations here, with limits that were read not long ago."""
        now = time.monotonic()
        old = []
        for key in keys:
            destination = self.destinations.setdefault(key, Destination(key, self.lock))
            destination.mailers = self.mailers
            if now - destination.read_at > LIMITS_SECONDS or not destination.read_at:
                old.append(key)
        if old:
            for key, limit in throttle.limits(old, transports).items():
                self.destinations[key].limit, self.destinations[key].read_at = limit, now

    # ---- Handing out ----------------------------------------------------------------------------------------

    def _hand_out(self, jobs: Sequence[Job]) -> None:
        with self.lock:
            self.claimed.update(job.outgoing.email_id for job in jobs)
            keys = [key_of(job.transport, job.outgoing.domain) for job in jobs]
            try:
                for job, key in zip(jobs, keys, strict=True):
                    if key not in self.destinations:
                        self._refresh([key], job.rules.transports)
            except Exception:
                self._give_back(jobs, timezone.now())
                raise
            for job, key in zip(jobs, keys, strict=True):
                self.destinations[key].jobs.append(job)
            for key in set(keys):
                self._open_lanes(self.destinations[key])

    def _open_lanes(self, destination: Destination) -> None:
        """Wake the lanes that have nothing to do, and make more where there may be more. Holds the lock."""
        idle = sum(lane.idle_since is not None for lane in destination.lanes)
        destination.ready.notify(len(destination.jobs))
        wanted = min(destination.most_lanes - len(destination.lanes), len(destination.jobs) - idle)
        for _lane in range(wanted):
            if not self._may_open(destination):
                break
            lane = Lane(self, destination, self.free.pop())
            destination.lanes.add(lane)
            if not lane.begin():
                destination.lanes.discard(lane)
                self.free.append(lane.number)
                break

    def _may_open(self, destination: Destination) -> bool:
        """A quarter of the lanes is kept for destinations that are known to answer, and a half from those that did not
        answer the last time."""
        if not self.free:
            idle = [lane for d in self.destinations.values() for lane in d.lanes if lane.idle_since is not None]
            if idle:
                longest = min(idle, key=lambda lane: lane.idle_since or 0.0)
                longest.unwanted = True
                longest.destination.ready.notify_all()
            return False
        if destination.is_proven:
            return True
        unknown = [d for d in self.destinations.values() if d.lanes and not d.is_proven]
        if destination.is_silent:
            return sum(len(d.lanes) for d in unknown if d.is_silent) < self.most_lanes // 2
        return sum(len(d.lanes) for d in unknown) < self.most_lanes * 3 // 4

    # ---- What lanes tell ------------------------------------------------------------------------------------

    @property
    def goes_on(self) -> bool:
        return not (self.ending.is_set() or self.lost or is_leaving())

    @property
    def is_to_end(self) -> bool:
        """Whether the worker is ending, or the others took us for dead."""
        return self.lost or is_leaving()

    def may_begin(self) -> bool:
        """Whether the others still count on us: else somebody may send the same email at this very moment."""
        return self.goes_on and time.monotonic() - self.beat_at < roster.CAREFUL_SECONDS

    def heard(self, destination: Destination, outcome: Outcome) -> None:
        """What a destination has said, or that it could not be reached."""
        with self.lock:
            if outcome.connected and outcome.code:
                was_proven = destination.is_proven
                destination.answered()
                if not was_proven:
                    self._open_lanes(destination)
            else:
                destination.is_silent = True
                if not outcome.connected or outcome.stage in BEFORE:
                    destination.could_not_be_reached(outcome)

    def slow_down(self, destination: Destination, retry_after: timedelta | None, reply: str) -> None:
        """Let all of this destination rest."""
        now = timezone.now()
        slower = throttle.Slower(destination.key, destination.last_minute(), retry_after, reply, now)
        with self.lock:
            destination.slow_down(slower)
            waiting = list(destination.jobs)
            destination.jobs.clear()
        self.recorder.slow_down(slower)
        self._give_back(waiting, now)

    def done_with(self, destination: Destination, job: Job, done: Done | None) -> None:
        """A lane has dealt with this email, or has not begun it."""
        with self.more:
            destination.sending -= 1
            # Where the last look found nothing more that is due, the next one comes in its time.
            if self.there_is_more and destination.room(timezone.now()) > 0:
                self.more.notify()
        if done is None:
            self._give_back([job], timezone.now())

    def lane_ended(self, lane: Lane) -> None:
        with self.more:
            lane.destination.lanes.discard(lane)
            self.free.append(lane.number)
            if self.goes_on and lane.destination.jobs:
                self._open_lanes(lane.destination)
            self.more.notify()

    def _give_back(self, jobs: Iterable[Job], not_before: datetime) -> None:
        for job in jobs:
            self.recorder.give_back(job.outgoing.email_id, not_before)

    def give_back_stale(self) -> None:
        """Give back what has waited too long, for a destination that turned out to be slow."""
        old = time.monotonic() - STALE_SECONDS
        stale: list[Job] = []
        with self.lock:
            for destination in list(self.destinations.values()):
                kept = [job for job in destination.jobs if job.checked_at >= old]
                stale += [job for job in destination.jobs if job.checked_at < old]
                destination.jobs.clear()
                destination.jobs.extend(kept)
                if not (kept or destination.lanes) and len(self.destinations) > MOST_CLAIMED:
                    del self.destinations[destination.key]
        self._give_back(stale, timezone.now() + timedelta(seconds=HANGS_SECONDS))

    # ---- The end --------------------------------------------------------------------------------------------

    def _kept(self, done: list[Done]) -> None:
        self.recorder.settle(done)

    def _forget(self, email_ids: Iterable[int]) -> None:
        with self.more:
            self.claimed.difference_update(email_ids)
            self.more.notify()

    def give_up(self) -> None:
        """The others took us for dead and went on without us: so do we, as a new one."""
        self.lost = True
        self._wake_all()

    def _wake_all(self) -> None:
        with self.lock:
            for destination in self.destinations.values():
                destination.jobs.clear()
                for lane in destination.lanes:
                    lane.unwanted = True
                destination.ready.notify_all()
            self.more.notify_all()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Begin nothing more, wait a moment for what is under way, write it down, and give back the rest."""
        if self.ending.is_set():
            return
        self.ending.set()
        self._wake_all()
        until = time.monotonic() + seconds
        with self.more:
            while any(d.lanes for d in self.destinations.values()) and (left := until - time.monotonic()) > 0:
                self.more.wait(left)
            in_flight = any(d.sending for d in self.destinations.values())
        self.journal.close()
        self.journal.join(seconds)
        self.recorder.close()
        self.recorder.join(seconds)
        if self.journal.is_alive() or self.recorder.is_alive():
            # What was sent is not all written down, and nobody else may send it: without a beat it is settled soon.
            log.warning("mailer_not_signed_off", error="the database takes too long")
            return
        try:
            if in_flight:
                # Nobody knows what will become of these; the others find that out when we do not beat any more.
                now = timezone.now()
                queue.release(dict.fromkeys(self.claimed - roster.in_flight(self.id), now), self.id)
            elif not self.lost:
                roster.leave(self.id)
        except (DatabaseError, InterfaceError) as error:
            log.warning("mailer_not_signed_off", error=str(error).partition("\n")[0])


class _Here:
    mailer: Mailer | None = None


def current() -> Mailer:
    """The mailer of this process; a new one where the last one was taken for dead."""
    mailer = _Here.mailer
    if mailer is None or mailer.pid != os.getpid() or mailer.lost or mailer.ending.is_set():
        mailer = _Here.mailer = Mailer()
    return mailer


def work(seconds: float = 20) -> int:
    """Send what is due, for about this long."""
    return 0 if is_leaving() else current().work(seconds)


def close() -> None:
    """Let the mailer of this process end in order, where it has one."""
    if _Here.mailer is not None and _Here.mailer.pid == os.getpid():
        _Here.mailer.close()

"""Where mail goes: the emails of each destination that wait here for their turn, and how many may be under way."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from delivery.throttle import Limit

if TYPE_CHECKING:
    from datetime import datetime

    from delivery.lanes import Lane
    from delivery.models import Message, Outgoing, SenderDomain, Transport
    from delivery.routes import Rules
    from delivery.throttle import Key, Slower
    from delivery.transports.base import Outcome

# A destination that has not answered for so long is one that hangs, and one that could not be reached is not tried
# for so long: its emails share the answer, each on its own schedule.
HANGS_SECONDS, UNREACHABLE_SECONDS = 30.0, 60.0
# About so much is claimed ahead, so that a lane never waits for the database.
AHEAD_SECONDS, FEWEST, MOST = 2.0, 4, 200
# How fast it is going is told by so many emails, if they are not older than this.
LATELY, LATELY_SECONDS = 100, 5.0


@dataclass(slots=True)
class Job:
    """A claimed email on its way. `checked_at` (monotonic) is when its account and recipient were last looked at."""

    outgoing: Outgoing
    message: Message
    rules: Rules
    transport: Transport | None
    domain: SenderDomain | None
    checked_at: float

    @property
    def number(self) -> int:
        """Which attempt this is, from 1."""
        return self.outgoing.attempts + 1


def key_of(transport: Transport | None, domain: str) -> Key:
    """The destination of mail to this domain by this transport."""
    if transport is None or transport.kind == transport.Kind.MX:
        return 0, domain
    return transport.id, ""


class Destination:
    """One of them. All of its state is guarded by the mailer's lock."""

    def __init__(self, key: Key, lock: threading.RLock) -> None:
        self.key = key
        self.ready = threading.Condition(lock)
        self.jobs: deque[Job] = deque()
        self.lanes: set[Lane] = set()
        self.sending = 0
        self.limit = Limit(1)
        self.mailers = 1
        self.read_at = 0.0
        self.answered_at = float("-inf")
        self.unreachable: tuple[float, Outcome] | None = None
        self.is_silent = False
        self.slot = 0.0
        self.recent: deque[float] = deque(maxlen=600)

    # ---- What it may have -----------------------------------------------------------------------------------

    def share(self, whole: int) -> int:
        """This mailer's part of what all of them may have together."""
        return max(1, -(-whole // self.mailers))

    @property
    def is_proven(self) -> bool:
        """Whether it answered, and no lane waits there for long: until then it has one connection."""
        return self.answered_at > float("-inf") and not self.hangs(time.monotonic())

    def hangs(self, now: float) -> bool:
        """Whether some lane has waited long for an answer, and no other had one meanwhile."""
        if now - self.answered_at <= HANGS_SECONDS:
            return False
        return any(
            lane.busy_since is not None and now - lane.busy_since > HANGS_SECONDS and self.answered_at < lane.busy_since
            for lane in self.lanes
        )

    @property
    def most_lanes(self) -> int:
        return self.share(self.limit.connections) if self.is_proven else 1

    def room(self, now: datetime) -> int:
        """How many more emails to claim for it. Not a few each time, but some when half of them are gone."""
        if self.limit.is_slowed(now):
            return 0
        lanes = self.most_lanes
        ahead = max(FEWEST * lanes if self.is_proven else 1, min(MOST, int(self.rate() * AHEAD_SECONDS)))
        if self.limit.per_minute is not None:
            ahead = min(ahead, 1 + self.share(self.limit.per_minute) // 20)
        waiting = len(self.jobs) + self.sending
        return ahead - waiting if waiting * 2 <= ahead else 0

    def rate(self) -> float:
        """Emails a second, lately."""
        now = time.monotonic()
        if len(self.recent) >= LATELY and now - self.recent[-LATELY] < LATELY_SECONDS:
            return LATELY / max(0.25, now - self.recent[-LATELY])
        last = [at for at in islice(reversed(self.recent), LATELY) if now - at < LATELY_SECONDS]
        return len(last) / max(0.25, now - last[-1]) if last else 0.0

    def last_minute(self) -> int:
        """Emails in the last minute, by all mailers as far as this one can tell."""
        now = time.monotonic()
        return max(1, sum(now - at < 60 for at in self.recent)) * self.mailers

    # ---- What lanes ask -------------------------------------------------------------------------------------

    def take(self, lane: Lane, wait: float = 0.0) -> Job | None:
        """The next email for this lane, waiting so many seconds for one; None where there is none, or it is to go."""
        with self.ready:
            if not self.jobs and wait and not lane.unwanted:
                lane.idle_since = time.monotonic()
                self.ready.wait(wait)
                lane.idle_since = None
            if not self.jobs or lane.unwanted or (len(self.lanes) > self.most_lanes > 0 and self._is_surplus(lane)):
                return None
            self.sending += 1
            return self.jobs.popleft()

    def _is_surplus(self, lane: Lane) -> bool:
        """Whether there are more lanes than it may have by now, and this is one of those to go."""
        return lane in sorted(self.lanes, key=lambda other: other.number)[self.most_lanes :]

    def pause(self) -> float:
        """Seconds to wait before the next email, where only so many a minute are allowed."""
        if self.limit.per_minute is None:
            return 0.0
        with self.ready:
            now = time.monotonic()
            at = max(now, self.slot)
            self.slot = at + 60 / self.share(self.limit.per_minute)
            return at - now

    def answered(self) -> None:
        """It said something."""
        self.answered_at = time.monotonic()
        self.recent.append(self.answered_at)
        self.unreachable, self.is_silent = None, False

    def slow_down(self, slower: Slower) -> None:
        """It complained; the others are told by the database, and the limit is not read again before they are."""
        if self.limit.slowed_until is None or self.limit.slowed_until < slower.at:
            self.limit.per_minute = min(slower.per_minute, self.limit.per_minute or slower.per_minute)
        self.limit.slowed_until = max(self.limit.slowed_until or slower.until, slower.until)
        self.read_at = time.monotonic()

    def could_not_be_reached(self, outcome: Outcome) -> None:
        """Its other emails share this answer for a while."""
        self.unreachable = (time.monotonic() + UNREACHABLE_SECONDS, outcome)
        self.answered_at = float("-inf")

    def shared_answer(self) -> Outcome | None:
        """What to say of its emails without trying."""
        if self.unreachable is not None and time.monotonic() < self.unreachable[0]:
            return self.unreachable[1]
        return None

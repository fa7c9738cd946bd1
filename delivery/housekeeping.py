"""What a mailer does beside sending: show that it lives, look after dead ones, and after what waits for long."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from accounts import credits as credit
from delivery import deliver, holds, outcomes, queue, roster, throttle
from delivery.models import Outgoing
from feeds.events import Held

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from delivery.mailer import Mailer
    from delivery.queue import Pair

log = structlog.get_logger(__name__)

TICK_SECONDS = 0.1
# How often, in seconds, each is done.
RELEASE_EVERY, BURY_EVERY, WAITING_EVERY, STALE_EVERY, UNKNOWN_EVERY = 2.0, 5.0, 10.0, 2.0, 10.0
# An email that waits for longer because its destination rests is shown as held.
LONG = timedelta(minutes=1)
MOST = 500
THROTTLED = "Held back: the recipient's server takes no more for now."
LOST_SECONDS = 900.0


class Pulse(threading.Thread):
    """Shows that the mailer lives. A thread of its own: nothing else that takes long may be in its way."""

    def __init__(self, mailer: Mailer) -> None:
        super().__init__(name="pulse", daemon=True)
        self.mailer = mailer

    def run(self) -> None:
        while not (self.mailer.ending.is_set() or self.mailer.lost):
            try:
                self.beat()
            except (DatabaseError, InterfaceError) as error:
                log.warning("pulse_waits", error=str(error).partition("\n")[0])
                connection.close()
            except Exception:
                log.exception("pulse_broke")
            self.mailer.ending.wait(roster.BEAT_SECONDS)
        connection.close()

    def beat(self) -> None:
        """Show that this mailer lives, and learn how many do."""
        at = time.monotonic()
        alive = roster.beat(self.mailer.id)
        if alive:
            self.mailer.beat_at, self.mailer.mailers = at, alive
        else:
            self.mailer.give_up()


class Keeper(threading.Thread):
    """The thread that does all the rest."""

    def __init__(self, mailer: Mailer) -> None:
        super().__init__(name="keeper", daemon=True)
        self.mailer = mailer
        self.next = dict.fromkeys(("release", "bury", "waiting", "stale", "unknown"), 0.0)
        self.unknown: set[int] = set()

    def run(self) -> None:
        while not (self.mailer.ending.is_set() or self.mailer.is_to_end):
            try:
                self._do_what_is_due()
            except (DatabaseError, InterfaceError) as error:
                log.warning("keeper_waits", error=str(error).partition("\n")[0])
                connection.close()
            except Exception:
                log.exception("keeper_broke")
            self.mailer.ending.wait(TICK_SECONDS)
        if self.mailer.is_to_end:
            # One that was taken for dead has no hurry: what it is at must still be written down.
            self.mailer.close(*([LOST_SECONDS] if self.mailer.lost else []))
        connection.close()

    def _is_due(self, name: str, every: float) -> bool:
        now = time.monotonic()
        if now < self.next[name]:
            return False
        self.next[name] = now + every
        return True

    def _do_what_is_due(self) -> None:
        if self._is_due("stale", STALE_EVERY):
            self.mailer.give_back_stale()
        # Each by the clock as it is by then: what was held a moment ago must not be released before that.
        if self._is_due("release", RELEASE_EVERY):
            holds.release_due(timezone.now())
        if self._is_due("bury", BURY_EVERY):
            roster.bury(timezone.now())
        if self._is_due("unknown", UNKNOWN_EVERY):
            self.give_back_unknown()
        if self._is_due("waiting", WAITING_EVERY):
            with self.mailer.lock:
                slowed = dict(self.mailer.slowed)
                self.mailer.slowed.clear()
            for pair, until in slowed.items():
                if self.mailer.lost:
                    return
                look_after({pair: until}, timezone.now())
            self._let_recover(timezone.now())

    def give_back_unknown(self) -> None:
        """Give back what is claimed in our name and in nobody's hands: where the connection broke while a claim was
        committed, it may have been, and nobody heard of it. Seen twice, because a claim is handed out after it."""
        taken = set(Outgoing.objects.filter(claimed_by=self.mailer.id).values_list("email_id", flat=True))
        with self.mailer.lock:
            unknown = taken - self.mailer.claimed
        queue.release(dict.fromkeys(unknown & self.unknown, timezone.now()), self.mailer.id)
        self.unknown = unknown

    def _let_recover(self, now: datetime) -> None:
        lately = time.monotonic() - WAITING_EVERY
        with self.mailer.lock:
            keys = [
                key
                for key, destination in self.mailer.destinations.items()
                if destination.limit.per_minute is not None and destination.answered_at > lately
            ]
        throttle.recover(keys, now)


def look_after(pairs: Mapping[Pair, datetime], now: datetime) -> None:
    """Of pairs whose destination rests until then: end what has expired meanwhile, and hold what has waited long."""
    for pair, until in pairs.items():
        with transaction.atomic():
            rows = list(_waiting(pair, now))
            credit.lock({row.account_id for row in rows if row.expires_at <= now})
            settled = roster.settle_interrupted(rows, 0, now)
            rows = [row for row in rows if row.email_id not in settled]
            over = [row for row in rows if row.expires_at <= now]
            outcomes.tell(((row, outcomes.expiry_of(row, now)) for row in over), now)
            outcomes.drop(over, 0)
            deliver.refund(over)
            if long := [row.email_id for row in rows if row.expires_at > until and row.next_attempt_at <= now - LONG]:
                holds.hold(long, Held.THROTTLED, THROTTLED, now, until=until)


def _waiting(pair: Pair, now: datetime) -> Iterable[Outgoing]:
    """What is due of this pair, the longest first. Index: delivery_outgoing_due."""
    rows = Outgoing.objects.filter(account_id=pair.account_id, domain=pair.domain, claimed_by=None)
    due = rows.filter(held=Held.NO, next_attempt_at__lte=now).order_by("next_attempt_at")
    return due.select_for_update(skip_locked=True)[:MOST]

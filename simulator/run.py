"""The simulated world at work: so many events a second, by the clock, until it is told to end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.post import Poster
from simulator.requests import Gatherer
from simulator.world import World

BACKFILL = timedelta(days=3)
TICK = 0.05
# With so many requests not accepted the world waits, as its own memory has an end.
MOST_WAITING = 20_000


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` is in events a second; with `seconds` it ends by itself; `backfill` emails began before now."""

    rate: float
    seconds: float | None
    backfill: int


def run(world: World, gatherer: Gatherer, poster: Poster, plan: Plan, stop: threading.Event) -> None:
    """Post until `stop`, or for the planned time and then until all is accepted."""
    now = datetime.now(UTC)
    if plan.backfill:
        world.past(plan.backfill, now - BACKFILL, now)
        for happening in world.due(now):
            gatherer.add(happening, time.monotonic())
    start = last = time.monotonic()
    owed = 0.0
    while not stop.is_set() and (plan.seconds is None or last - start < plan.seconds):
        stop.wait(TICK)
        clock = time.monotonic()
        # What could not be told for want of time is not caught up with: a rate is a rate.
        owed = min(owed + (clock - last) * plan.rate, max(1.0, plan.rate))
        last = clock
        gatherer.flush(clock)
        while owed >= 1 and poster.waiting < MOST_WAITING and not stop.is_set():
            owed -= gatherer.add(world.next(datetime.now(UTC)), clock)
    gatherer.flush(float("inf"))
    while poster.waiting and not stop.wait(TICK):
        pass

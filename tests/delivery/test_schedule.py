"""When refused mail is tried again. Nothing here waits: the schedule is a function."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.schedule import JITTER, MINUTES, next_attempt, too_early
from tests.make import NOON

FIVE_DAYS = timedelta(days=5)
HOURS = (1, 2, 4, 6, 6, 6)
minutes = st.lists(st.integers(1, 24 * 60), min_size=1, max_size=9)
# What servers ask for, up to a day; most ask for nothing.
wishes = st.lists(st.none() | st.integers(1, 24 * 60).map(lambda n: timedelta(minutes=n)), max_size=12)


def attempts(
    policy: list[int] | tuple[int, ...], asked: list[timedelta | None], seed: int, took: timedelta = timedelta()
) -> tuple[list[datetime], datetime]:
    """When an email that is refused for ever is tried, and when that ends. Each attempt takes so long."""
    expires_at, at, made = NOON + FIVE_DAYS, NOON, 0
    begun: list[datetime] = []
    while True:
        begun.append(at)
        made += 1
        wish = asked[made - 1] if made <= len(asked) else None
        known_at = at + took
        planned = next_attempt(made, expires_at, known_at, minutes=policy, seed=seed, retry_after=wish)
        if planned is None:
            return begun, known_at
        assert planned > known_at
        if planned >= expires_at and too_early(known_at, wish, planned):
            # The server would not listen before the end: it ends then, and nobody asks.
            return begun, planned
        at = planned


def test_the_waits_are_those_of_the_policy() -> None:
    begun, ended = attempts(MINUTES, [], 7)
    waits = [later - sooner for sooner, later in itertools.pairwise(begun)]
    wanted = [timedelta(minutes=n) for n in (5, 15, 30)] + [timedelta(hours=n) for n in HOURS]
    for wait, want in zip(waits, wanted, strict=False):
        assert abs(wait - want) <= want * JITTER
    assert len(begun) > 20
    assert begun[-1] == ended == NOON + FIVE_DAYS


def test_what_was_refused_together_does_not_come_back_together() -> None:
    assert len({next_attempt(1, NOON + FIVE_DAYS, NOON, seed=seed) for seed in range(100)}) > 90


def test_the_same_attempt_is_planned_for_the_same_moment_again() -> None:
    assert next_attempt(3, NOON + FIVE_DAYS, NOON, seed=1) == next_attempt(3, NOON + FIVE_DAYS, NOON, seed=1)


@settings(max_examples=400)
@given(minutes, wishes, st.integers(0, 2**62))
def test_any_schedule_ends_at_five_days_not_before_and_not_after(
    policy: list[int], asked: list[timedelta | None], seed: int
) -> None:
    begun, ended = attempts(policy, asked, seed)
    assert ended == NOON + FIVE_DAYS
    for n, (sooner, later) in enumerate(itertools.pairwise(begun)):
        wait = later - sooner
        wish = asked[n] if n < len(asked) else None
        assert wish is None or wait >= wish
        planned = timedelta(minutes=policy[min(n, len(policy) - 1)])
        longest = max(planned * (1 + JITTER), wish or timedelta())
        assert wait <= longest + timedelta(microseconds=1)
        if later < NOON + FIVE_DAYS:
            assert wait >= planned * (1 - JITTER) - timedelta(microseconds=1)


@settings(max_examples=100)
@given(wishes, st.integers(0, 2**62), st.integers(1, 600))
def test_however_long_attempts_take_nothing_begins_after_the_end(
    asked: list[timedelta | None], seed: int, seconds: int
) -> None:
    begun, ended = attempts(MINUTES, asked, seed, timedelta(seconds=seconds))
    assert begun[-1] <= NOON + FIVE_DAYS <= ended

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from webhooks.durations import in_words
from webhooks.silence import HOUR, hour_of, silence

# A Tuesday at noon.
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def hours(since: datetime, until: datetime, each: int = 30, of_day: range = range(24)) -> dict[datetime, int]:
    """So many requests in each hour, within the hours of the day, from `since` to `until`."""
    count = int((until - since) / HOUR)
    found = (since + n * HOUR for n in range(count))
    return {hour: each for hour in found if hour.hour in of_day}


def test_a_steady_source_is_silent_after_two_hours_missed() -> None:
    requests = hours(NOON - timedelta(days=3), NOON)
    told = silence(requests, NOON - timedelta(minutes=1), NOON + timedelta(hours=3))
    assert told is not None
    assert told.usual == timedelta(minutes=2)
    assert told.lasts == timedelta(hours=3, minutes=1)


def test_an_hour_without_anything_is_not_yet_silence() -> None:
    requests = hours(NOON - timedelta(days=3), NOON)
    assert silence(requests, NOON - timedelta(minutes=1), NOON + timedelta(minutes=90)) is None


def test_a_source_that_speaks_is_not_silent() -> None:
    assert silence(hours(NOON - timedelta(days=3), NOON), NOON, NOON) is None


def test_a_source_that_never_spoke_is_not_silent() -> None:
    assert silence({}, None, NOON) is None


@pytest.mark.parametrize(("at", "silent"), [(2, False), (8, False), (10, False), (11, True), (15, True)])
def test_a_source_of_office_hours_is_silent_only_when_it_misses_them(at: int, silent: bool) -> None:
    evening = NOON.replace(hour=18)
    requests = hours(evening - timedelta(days=4), evening, of_day=range(9, 18))
    morning = NOON.replace(hour=0) + timedelta(days=1, hours=at)
    assert (silence(requests, evening - timedelta(minutes=5), morning) is not None) is silent


def test_a_source_of_working_days_is_not_silent_at_the_weekend_and_is_on_monday() -> None:
    friday = NOON.replace(hour=18) + timedelta(days=3)
    found = hours(friday - timedelta(days=14), friday, of_day=range(9, 18))
    requests = {hour: count for hour, count in found.items() if hour.weekday() < 5}
    assert silence(requests, friday, friday + timedelta(days=2)) is None
    assert silence(requests, friday, friday + timedelta(days=2, hours=18)) is not None


def test_one_day_is_no_rhythm() -> None:
    assert silence(hours(NOON - timedelta(hours=5), NOON), NOON, NOON + timedelta(hours=20)) is None


def test_a_source_that_sends_seldom_is_given_time() -> None:
    requests = hours(NOON - timedelta(days=5), NOON, each=1)
    assert silence(requests, NOON, NOON + timedelta(hours=3)) is None
    assert silence(requests, NOON, NOON + timedelta(hours=5)) is not None


def test_it_stays_silent_for_as_long_as_its_rhythm_is_remembered() -> None:
    requests = hours(NOON - timedelta(days=4), NOON)
    assert silence(requests, NOON, NOON + timedelta(days=16)) is not None


@given(st.dictionaries(st.integers(0, 500), st.integers(0, 9)), st.integers(0, 60 * 500))
def test_whatever_came_within_two_hours_is_no_silence(found: dict[int, int], minutes: int) -> None:
    requests = {hour_of(NOON) - n * HOUR: count for n, count in found.items()}
    told = silence(requests, NOON - timedelta(minutes=minutes), NOON)
    assert told is None or minutes >= 120


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(milliseconds=-3), "0 milliseconds"),
        (timedelta(milliseconds=1), "1 millisecond"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(hours=3, minutes=20), "3 hours"),
        (timedelta(days=3), "3 days"),
    ],
)
def test_lengths_are_told_in_words(length: timedelta, words: str) -> None:
    with translation.override("en"):
        assert in_words(length) == words

"""The time an overview is about: hours and days of an account's zone, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from feeds.charts import Column, draw, scale
from feeds.figures import Numbers
from feeds.periods import Period, Unclear, midnight, read

UTC_ZONE, PARIS, SANTIAGO = ZoneInfo("UTC"), ZoneInfo("Europe/Paris"), ZoneInfo("America/Santiago")
NOW = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def of(query: str, zone: ZoneInfo = UTC_ZONE, now: datetime = NOW, kept_since: datetime = LONG_AGO) -> Period:
    return read(QueryDict(query), zone, kept_since, now)


def test_the_last_day_is_24_hours_of_the_clock() -> None:
    period = of("range=24h")
    assert (period.unit, len(period.steps)) == ("hour", 24)
    assert period.steps[0].starts_at == datetime(2026, 3, 9, 13, tzinfo=UTC)
    assert period.ends_at == datetime(2026, 3, 10, 13, tzinfo=UTC)
    # As much of the day before as is over of this one.
    assert period.before.starts_at == datetime(2026, 3, 8, 13, tzinfo=UTC)
    assert period.before.ends_at == datetime(2026, 3, 9, 12, 15, tzinfo=UTC)


def test_hours_begin_where_the_zone_has_them() -> None:
    assert of("range=24h", ZoneInfo("Asia/Kathmandu")).steps[0].starts_at.minute == 15


def test_days_end_with_today_and_are_compared_up_to_the_same_hour() -> None:
    period = of("range=7d", PARIS)
    assert (period.first, period.last, len(period.steps)) == (date(2026, 3, 4), date(2026, 3, 10), 7)
    assert period.starts_at == datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert period.before.starts_at == datetime(2026, 2, 24, 23, tzinfo=UTC)
    assert period.before.ends_at == datetime(2026, 3, 3, 12, 15, tzinfo=UTC)


def test_days_that_are_over_are_compared_with_as_many_before() -> None:
    period = of("range=days&from=2026-02-01&to=2026-02-07")
    assert (period.before.starts_at, period.before.ends_at) == (
        datetime(2026, 1, 25, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)], ids=["spring", "autumn", "usual"]
)
def test_a_day_has_its_true_number_of_hours(day: str, hours: int) -> None:
    period = of(f"from={day}&to={day}", PARIS, datetime(2026, 12, 1, tzinfo=UTC))
    assert (period.unit, len(period.steps)) == ("hour", hours)
    assert all(step.ends_at - step.starts_at == timedelta(hours=1) for step in period.steps)


def test_a_day_that_has_no_midnight_begins_when_clocks_jump() -> None:
    assert midnight(date(2026, 9, 6), SANTIAGO) == datetime(2026, 9, 6, 4, tzinfo=UTC)
    week = of("from=2026-09-04&to=2026-09-10", SANTIAGO, datetime(2026, 12, 1, tzinfo=UTC))
    assert [step.ends_at - step.starts_at for step in week.steps][1:3] == [timedelta(hours=24), timedelta(hours=23)]


def test_what_is_no_longer_kept_is_left_out_by_the_day() -> None:
    period = of("range=28d", kept_since=NOW - timedelta(days=5))
    assert (period.first, period.is_cut, len(period.steps)) == (date(2026, 3, 6), True, 5)
    assert not of("range=7d", kept_since=NOW - timedelta(days=7)).is_cut


def test_a_long_time_is_shown_by_week() -> None:
    period = of("from=2025-06-01&to=2026-03-01")
    assert period.unit == "week"
    assert period.steps[0].ends_at - period.steps[0].starts_at == timedelta(weeks=1)
    assert period.ends_at == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("range=year", "There is no such time."),
        ("from=soon&to=2026-03-01", "“soon” is not a day."),
        ("from=2026-03-05&to=2026-03-01", "The last day is before the first one."),
        ("from=2026-03-11&to=2026-03-12", "The first day is in the future."),
        ("from=2024-03-05&to=2026-03-01", "At most 366 days"),
        ("from=0001-01-01&to=9999-12-31", "At most 366 days"),
        ("from=2026-02-30&to=", "is not a day"),
    ],
)
def test_an_unclear_time_is_answered_with_what_to_do(query: str, sentence: str) -> None:
    with pytest.raises(Unclear, match=sentence):
        of(query)


def test_days_older_than_what_is_kept_are_answered_with_why() -> None:
    with pytest.raises(Unclear, match="older than the account keeps"):
        of("from=2026-01-01&to=2026-01-05", kept_since=NOW - timedelta(days=30))


@pytest.mark.parametrize("query", ["from=&to=", "from=2026-03-01", "to=2026-03-01", "range=", ""])
def test_what_is_left_out_is_filled_in(query: str) -> None:
    assert of(query).days in (7, 10)


ZONES = st.sampled_from(["UTC", "Europe/Paris", "America/Santiago", "Australia/Lord_Howe", "America/Havana",
                         "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo"])  # fmt: skip
MOMENTS = st.integers(0, 3 * 365 * 86_400).map(lambda n: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=n))


@given(
    zone=ZONES,
    now=MOMENTS,
    query=st.sampled_from(["range=24h", "range=7d", "range=28d", "range=90d", "from=2024-10-20"]),
)
def test_steps_are_whole_quarters_without_gap_and_hold_now(zone: str, now: datetime, query: str) -> None:
    try:
        period = of(query, ZoneInfo(zone), now)
    except Unclear:
        return
    edges = [step.starts_at for step in period.steps] + [period.ends_at]
    assert all(a.ends_at == b.starts_at for a, b in pairwise(period.steps))
    assert all(a < b for a, b in pairwise(edges))
    assert all(edge.timestamp() % 900 == 0 for edge in [*edges, period.before.starts_at, period.before.ends_at])
    assert period.before.starts_at <= period.before.ends_at <= period.starts_at
    if query.startswith("range"):
        assert period.starts_at <= now < period.ends_at


# ---- Drawn and written ------------------------------------------------------------------------------------


@given(st.floats(0.001, 1e9))
def test_a_scale_ends_at_a_round_number_not_far_above(largest: float) -> None:
    assert largest * 0.999999 <= scale(largest) <= 2 * largest * 1.000001


def test_the_smallest_bar_is_seen_and_the_largest_fits() -> None:
    chart = draw([Column(1), Column(None), Column(0), Column(900, whole=1000)], ["a", "b", "c", "d"], height=100)
    assert [bar.height for bar in chart.bars] == [2, 0, 0, 90]
    assert chart.bars[3].whole_height == 100
    assert (chart.top, chart.ends) == (1000, ("a", "c", "d"))


def test_a_share_is_drawn_on_a_scale_of_at_most_all() -> None:
    assert draw([Column(97.5)], ["a"], most=100).top == 100


@pytest.mark.parametrize(
    ("value", "told"),
    [(41.234, "41.2%"), (0.0, "0.0%"), (0.234, "0.23%"), (0.0004, "<0.01%"), (100, "100.0%"), (None, "")],
)
def test_percentages_are_told_finely_where_they_are_small(value: float | None, told: str) -> None:
    assert Numbers().percent(value) == told


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [(41.2, 39.1, "+2.1 points"), (39.1, 41.2, "−2.1 points"), (5.0, 5.01, "as before"), (0.31, 0.11, "+0.20 points"),
     (None, 3.0, ""), (3.0, None, "")],
)  # fmt: skip
def test_a_change_is_told_in_points(now: float | None, before: float | None, told: str) -> None:
    assert Numbers().points(now, before) == told

"""When a source that usually speaks says nothing: judged by its own rhythm, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# Shorter silences are not worth a word, however busy the source.
LEAST = timedelta(hours=2)
# So many times the usual distance between two requests must pass in silence.
DISTANCES = 4
# A rhythm is known after so many days on which the same hour was looked at, in most of which something came.
DAYS, MOST = 2, 2 / 3
# How far back hours are of use: two weeks before a silence, which is watched for one week.
KEPT = 3 * WEEK


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came for `lasts`, from a source that usually sends something every `usual`."""

    lasts: timedelta
    usual: timedelta


def hour_of(moment: datetime) -> datetime:
    """The beginning (UTC) of the hour a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def silence(requests: Mapping[datetime, int], last_at: datetime | None, now: datetime) -> Silence | None:
    """Whether the source fell silent after its last request, and how it was before.

    `requests` counts what came in each hour (UTC, full hours; those with nothing may be left out) of the last
    `KEPT`; all moments are aware. A source that sends by day only is not silent at night, nor one of working days
    on Saturday: at least two of the hours missed must be such in which something usually came.
    """
    active = {hour for hour, count in requests.items() if count}
    if last_at is None or not active:
        return None
    usual = len(active) * HOUR / sum(requests.values())
    lasts = now - last_at
    if lasts < max(LEAST, DISTANCES * usual):
        return None
    first, end = min(active), min(hour_of(now), hour_of(last_at) + WEEK)
    missed, hour = 0, hour_of(last_at) + HOUR
    while hour < end and missed * HOUR < LEAST:
        missed += is_usual(hour, active, first, last_at)
        hour += HOUR
    return Silence(lasts, usual) if missed * HOUR >= LEAST else None


def is_usual(hour: datetime, active: set[datetime], first: datetime, last_at: datetime) -> bool:
    """Whether something usually comes in this hour: as in the weeks before, or, without those, on the days before."""
    weeks = [hour - n * WEEK for n in (1, 2) if first <= hour - n * WEEK]
    if weeks:
        return all(earlier in active for earlier in weeks)
    days = [hour - n * DAY for n in range(1, 8) if first <= hour - n * DAY <= last_at]
    return len(days) >= DAYS and sum(day in active for day in days) >= MOST * len(days)

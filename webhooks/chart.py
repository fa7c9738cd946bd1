"""Bars for the hours of a day, as numbers a template draws without scripts or styles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from webhooks.silence import HOUR, hour_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feeds.models import SourceHour

WIDTH, HEIGHT, GAP = 480, 80, 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour: what came in it, and where its bar stands, in units of the drawing."""

    starts_at: datetime
    requests: int
    events: int
    duplicates: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`bars` from the oldest hour to this one; `most` is the number of events the highest bar stands for."""

    bars: list[Bar]
    most: int
    width: int = WIDTH
    height: int = HEIGHT


def chart(hours: Sequence[SourceHour], now: datetime, count: int = 24) -> Chart:
    """The last `count` hours (UTC hours, this one last) of which `hours` are those with something in them."""
    found = {hour.starts_at: hour for hour in hours}
    most = max((hour.events for hour in hours), default=0)
    step = WIDTH // count
    bars = []
    for n in range(count):
        starts_at = hour_of(now) - HOUR * (count - 1 - n)
        hour = found.get(starts_at)
        events = hour.events if hour else 0
        # The smallest number must be seen to be more than none.
        height = max(2, HEIGHT * events // most) if events else 0
        bars.append(
            Bar(
                starts_at, hour.requests if hour else 0, events, hour.duplicates if hour else 0,
                n * step, HEIGHT - height, step - GAP, height,
            )
        )  # fmt: skip
    return Chart(bars, most)

"""The hours of a day of a source: its chart, and the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from feeds import charts
from feeds.figures import Numbers
from feeds.models import SourceHour
from webhooks.silence import HOUR, hour_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from feeds.charts import Chart

HEIGHT = 80


@dataclass(frozen=True, slots=True)
class Hours:
    """`all` from the oldest hour to this one, those with nothing among them; `most` is the largest number of events."""

    all: list[SourceHour]
    most: int
    chart: Chart
    ticks: tuple[str, str, str]


def hours(found: Sequence[SourceHour], now: datetime, count: int = 24) -> Hours:
    """The last `count` hours (UTC hours, this one last) of which `found` are those with something in them."""
    by_start = {hour.starts_at: hour for hour in found}
    starts = [hour_of(now) - HOUR * n for n in reversed(range(count))]
    every = [by_start.get(at) or SourceHour(starts_at=at, requests=0, events=0, duplicates=0) for at in starts]
    numbers = Numbers()
    names = [date_format(localtime(at), "H:i") for at in starts]
    columns = [
        charts.Column(hour.events, f"{name}: {events(hour.events, numbers)}")
        for name, hour in zip(names, every, strict=True)
    ]
    chart = charts.draw(columns, [*names[:-1], _("now")], HEIGHT)
    middle = numbers.axis(chart.middle) if chart.top > 1 else ""
    most = max(hour.events for hour in every)
    return Hours(every, most, chart, (numbers.axis(chart.top), middle, "0"))


def events(n: int, numbers: Numbers) -> str:
    return ngettext("%(n)s event", "%(n)s events", n) % {"n": numbers.count(n)}

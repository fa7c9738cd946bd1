"""The time an overview is about: which hours or days, in an account's zone, and the time before to compare it with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from django.http import QueryDict

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
# Whole weeks but for the last: each has as many Sundays as the one before, or they could not be compared.
DAYS = {"7d": 7, "28d": 28, "90d": 90}
HOURS = "24h"
CHOSEN = "days"
USUAL = "7d"
LONGEST = 366
# More bars than this nobody tells apart: a longer time is shown by week, one of a day or two by hour.
MOST_DAYS = 92
MOST_HOURLY = 2
QUARTER = timedelta(minutes=15)


class Unclear(Exception):
    """The days asked for cannot be shown. The text says why, in a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment (included) to another (not); both in UTC, where an hour is an hour."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """What is looked at. `steps` are its hours, days or weeks, oldest first and without a gap; `before` is the time
    it is compared with, as long as what of this one is over; `is_cut` says that the account keeps less than was asked.
    """

    choice: str
    unit: str
    steps: tuple[Span, ...]
    before: Span
    zone: ZoneInfo
    first: date
    last: date
    is_cut: bool = False

    @property
    def starts_at(self) -> datetime:
        return self.steps[0].starts_at

    @property
    def ends_at(self) -> datetime:
        return self.steps[-1].ends_at

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def params(self) -> list[tuple[str, str]]:
        """The same as parameters of an address."""
        if self.choice != CHOSEN:
            return [("range", self.choice)]
        return [("range", CHOSEN), ("from", self.first.isoformat()), ("to", self.last.isoformat())]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins (UTC): where clocks jump over midnight, the moment they jump."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def read(params: QueryDict, zone: ZoneInfo, kept_since: datetime, now: datetime) -> Period:
    """The period an address asks for: `range` (24h, 7d, 28d, 90d or days), `from` and `to` (both included).

    What began before `kept_since` is left out by the whole day. Raises Unclear.
    """
    choice = params.get("range", "") or (CHOSEN if params.get("from") or params.get("to") else USUAL)
    if choice == HOURS:
        return last_hours(zone, now)
    today = now.astimezone(zone).date()
    if choice == CHOSEN:
        first, last = _chosen(params, today)
    elif choice in DAYS:
        first, last = today - DAY * (DAYS[choice] - 1), today
    else:
        raise Unclear(_("There is no such time. Choose one from the list."))
    return of_days(choice, first, last, zone, kept_since, now)


def _chosen(params: QueryDict, today: date) -> tuple[date, date]:
    last = min(_day(params.get("to", "")) or today, today)
    first = _day(params.get("from", "")) or last - DAY * (DAYS[USUAL] - 1)
    if first > today:
        raise Unclear(_("The first day is in the future."))
    if first > last:
        raise Unclear(_("The last day is before the first one. Swap them."))
    if (last - first).days >= LONGEST:
        raise Unclear(_("At most %(n)d days can be shown at a time.") % {"n": LONGEST})
    return first, last


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise Unclear(_("“%(text)s” is not a day. Write it as 2026-03-31.") % {"text": text[:40]}) from None
    # Far from both ends of the calendar, where there is no day before.
    return None if day is None else max(day, date(2000, 1, 1))


def last_hours(zone: ZoneInfo, now: datetime, count: int = 24) -> Period:
    """The last so many hours of the clock, the one that runs among them."""
    local = now.astimezone(zone)
    end = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC) + HOUR
    start = end - HOUR * count
    steps = tuple(Span(*pair) for pair in pairwise([start + HOUR * n for n in range(count + 1)]))
    shift = HOUR * count
    before = Span(start - shift, _quarter(now) - shift)
    return Period(HOURS, "hour", steps, before, zone, (local - DAY).date(), local.date())


def of_days(choice: str, first: date, last: date, zone: ZoneInfo, kept_since: datetime, now: datetime) -> Period:
    """These days, as far as they are kept. Raises Unclear where none of them is."""
    asked, count = first, (last - first).days + 1
    kept = kept_since.astimezone(zone).date()
    first = max(first, kept if midnight(kept, zone) >= kept_since else kept + DAY)
    if first > last:
        raise Unclear(_("These days are older than the account keeps emails."))
    count = (last - first).days + 1
    unit = "hour" if count <= MOST_HOURLY else "day" if count <= MOST_DAYS else "week"
    steps = tuple(Span(*pair) for pair in pairwise(_bounds(first, last, zone, unit)))
    before_start = midnight(first - DAY * count, zone)
    if steps[-1].ends_at <= now:
        before_end = steps[0].starts_at
    else:
        # No more of the time before than is over of this one, or today would always look poor.
        local = now.astimezone(zone)
        shifted = datetime.combine(local.date() - DAY * count, local.time(), zone)
        before_end = max(_quarter(shifted), before_start)
    return Period(choice, unit, steps, Span(before_start, before_end), zone, first, last, first > asked)


def _bounds(first: date, last: date, zone: ZoneInfo, unit: str) -> Iterator[datetime]:
    """Where the steps begin, and where the last one ends; an hour takes an hour also where clocks are changed."""
    end = midnight(last + DAY, zone)
    if unit == "hour":
        moment = midnight(first, zone)
        while moment < end:
            yield moment
            moment += HOUR
    else:
        day = first
        while day <= last:
            yield midnight(day, zone)
            day += WEEK if unit == "week" else DAY
    yield end


def _quarter(moment: datetime) -> datetime:
    """The quarter of an hour a moment is in; zones differ from UTC by whole quarters."""
    utc = moment.astimezone(UTC)
    return utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)

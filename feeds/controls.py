"""The controls beside the query box, as a filter says they stand: the chips of the statuses, and the span of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from feeds.counts import is_quick
from feeds.meanings import MEANINGS
from feeds.query import Filter

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, datetime

    from django_stubs_ext import StrOrPromise

    from feeds.counts import Count, Counts
    from feeds.events import Status
    from feeds.meanings import Meaning

# Of the last so many hours or days: what people ask for most.
AGES: tuple[tuple[str, StrOrPromise], ...] = (
    ("24h", gettext_lazy("Last 24 hours")),
    ("7d", gettext_lazy("Last 7 days")),
    ("30d", gettext_lazy("Last 30 days")),
)


@dataclass(frozen=True, slots=True)
class Chip:
    """A status that can be chosen, and how many emails would be found with it; "" while nobody counted."""

    meaning: Meaning
    is_on: bool
    count: str


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time that is one click away: the filter with it in place of the one it has."""

    label: StrOrPromise
    wanted: Filter
    is_on: bool


def chips(statuses: Collection[Status], counts: Counts | None = None) -> list[Chip]:
    """A chip for each status, pressed where it is among these."""

    def counted(status: Status) -> str:
        count = counts and counts.by_status[status]
        # "At least none" says nothing.
        return number(count) if count and (count.n or count.is_exact) else ""

    return [Chip(meaning, meaning.status in statuses, counted(meaning.status)) for meaning in MEANINGS]


def number(count: Count) -> str:
    """As 1,234 or, where there may be more, 10,000+."""
    return f"{intcomma(count.n)}{'' if count.is_exact else '+'}"


def total(counts: Counts, wanted: Filter) -> tuple[str, StrOrPromise]:
    """How many emails there are, and where that is known from."""
    count = counts.total
    words = ngettext("%(n)s email", "%(n)s emails", count.n) % {"n": number(count)}
    if not count.is_exact:
        return words, _("At least so many: counting ended after a moment, or at 10,000.")
    if is_quick(wanted):
        return words, _("Exactly so many: they are counted while they come in.")
    return words, _("Exactly so many: they were counted just now.")


def spans(wanted: Filter, now: datetime) -> list[Span]:
    """The spans to choose from, in the active time zone."""
    bare = _timeless(wanted)
    today = timezone.localdate(now).isoformat()
    offered = [
        (pgettext_lazy("span of time", "Any time"), bare),
        (pgettext_lazy("span of time", "Today"), bare.replaced("after", today)),
        *((label, bare.replaced("since", age)) for age, label in AGES),
    ]
    times = _times(wanted)
    return [Span(label, offer, _times(offer) == times) for label, offer in offered]


def spoken(wanted: Filter, now: datetime) -> StrOrPromise:
    """The span of time of a filter, in a few words."""
    known = next((span.label for span in spans(wanted, now) if span.is_on), None)
    if known is not None:
        return known
    first, last = wanted.days[0], wanted.last_day
    ages = [term.values[0] for term in wanted.terms if term.key == "since" and not term.negated]
    if ages and not last:
        return _("Last %(age)s") % {"age": ages[0]}
    if first and last:
        return _day(first) if first == last else f"{_day(first)} – {_day(last)}"
    if first:
        return _("From %(day)s") % {"day": _day(first)}
    return _("Until %(day)s") % {"day": _day(last)} if last else _("Some of the time")


def _day(day: date) -> str:
    return formats.date_format(day, "SHORT_DATE_FORMAT")


def _timeless(wanted: Filter) -> Filter:
    return wanted.without("since").without("after").without("before")


def _times(wanted: Filter) -> set[str]:
    return {term.text for term in wanted.terms if term.key in ("since", "after", "before")}

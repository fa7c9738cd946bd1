"""The overview as its page draws it: figures with their words, charts with a table behind them, tables with links."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from feeds import answers, charts, overview, questions
from feeds.events import Bounce, Kind
from feeds.figures import Share
from feeds.models import Email
from feeds.periods import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from feeds.charts import Chart
    from feeds.figures import Numbers
    from feeds.overview import Course, Measure, Row, Sums
    from feeds.periods import Period
    from feeds.questions import Feed

NOTHING = mark_safe('<td><span class="none">0</span></td>')
# A share of fewer emails than this is drawn faintly: one of two is no rate.
FEW = 20


@dataclass(frozen=True, slots=True)
class Counted:
    """A count with its address, its share in words, and the share of the time before."""

    measure: Measure
    count: int
    told: str
    url: str
    rate: str = ""
    moved: str = ""

    @property
    def cell(self) -> SafeString:
        """As a cell of a table. Put together from strings: a page has a thousand of them."""
        if not self.count:
            return NOTHING
        rate = f" <small>{escape(self.rate)}</small>" if self.rate else ""
        return mark_safe(f'<td><a href="{escape(self.url)}">{escape(self.told)}</a>{rate}</td>')  # noqa: S308


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure, the same with machines, and how it went over time. `of` names what the share is of."""

    figure: Counted
    twin: Counted | None
    of: str
    chart: Chart
    ticks: tuple[str, str, str]

    @property
    def id(self) -> str:
        return f"chart-{self.figure.measure.name}"


@dataclass(frozen=True, slots=True)
class Because:
    """Why some emails did not arrive: the reason as servers gave it, what it means where that is known, and how many.
    `share` is of all there are reasons of."""

    reason: str
    meaning: str
    told: str
    url: str


@dataclass(frozen=True, slots=True)
class Held:
    """Emails that wait: those a server refused for now, by its answer, and the others. `is_cut`: there may be more."""

    total: Counted
    retrying: str
    url: str
    because: list[Because]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: its name with its address, and a count for each column."""

    name: str
    url: str
    cells: list[Counted]


class Page:
    """Draws one overview. `shown` is the question for all of its emails."""

    def __init__(self, course: Course, period: Period, feed: Feed, numbers: Numbers) -> None:
        self.course, self.period, self.feed, self.numbers = course, period, feed, numbers
        self.names = [name(step, period) for step in period.steps]
        self.ends = [name(step, period, is_short=True) for step in period.steps]
        self.asked = [questions.within(step, period.zone) for step in period.steps]
        self.terms = {m.name: questions.text(*m.terms) for pair in overview.FIGURES for m in pair if m}
        self.terms[overview.EMAILS.name] = ""
        # Looked up once, not for each of a thousand bars.
        self.told = _("%(time)s: %(n)s of %(of)s, %(rate)s")
        self.whole = Span(period.starts_at, period.ends_at)
        self.asked_all = questions.within(self.whole, period.zone)

    # ---- Figures --------------------------------------------------------------------------------------------

    def counted(self, measure: Measure, sums: Sums, asked: str, compared: bool = False) -> Counted:
        """A count of some emails, which are those of the question `asked`."""
        share = self.course.share(measure, sums)
        rate, moved = "", ""
        if measure.of:
            rate = self.numbers.percent(share.percent)
            if compared:
                moved = self.numbers.points(share.percent, self.course.share(measure, self.course.before).percent)
        return Counted(
            measure, share.count, self.numbers.count(share.count),
            self.feed.url(self.terms[measure.name], asked), rate, moved,
        )  # fmt: skip

    @property
    def emails(self) -> Panel:
        """All emails, and of each step those delivered."""
        columns = [
            charts.Column(
                sums["delivered"], self._volume(n, sums), self.feed.url(self.asked[n]), whole=sums["emails"]
            )
            for n, sums in enumerate(self.course.steps)
        ]  # fmt: skip
        chart = charts.draw(columns, self.ends, height=180, is_tabbed=True)
        figure = self.counted(overview.EMAILS, self.course.total, self.asked_all)
        return Panel(figure, None, "", chart, self._ticks(chart, ""))

    def _volume(self, n: int, sums: Sums) -> str:
        told = {
            "time": self.names[n],
            "emails": self.numbers.count(sums["emails"]),
            "delivered": self.numbers.count(sums["delivered"]),
        }
        return (
            ngettext(
                "%(time)s: %(emails)s email, %(delivered)s of them delivered",
                "%(time)s: %(emails)s emails, %(delivered)s of them delivered",
                sums["emails"],
            )
            % told
        )

    @cached_property
    def panels(self) -> list[Panel]:
        return [self._panel(measure, twin) for measure, twin in overview.FIGURES]

    @property
    def has_faint(self) -> bool:
        """Whether a share of few emails is drawn."""
        return any(bar.is_faint and bar.height for panel in self.panels for bar in panel.chart.bars)

    def _panel(self, measure: Measure, twin: Measure | None) -> Panel:
        chart = charts.draw(
            [self._column(n, sums, measure, twin) for n, sums in enumerate(self.course.steps)],
            self.ends, height=64, most=100,
        )  # fmt: skip
        of = self._of(self.course.total[measure.of], measure.of)
        total = self.course.total
        return Panel(
            self.counted(measure, total, self.asked_all, compared=True),
            self.counted(twin, total, self.asked_all, compared=True) if twin else None,
            of, chart, self._ticks(chart, "%"),
        )  # fmt: skip

    def _column(self, n: int, sums: Sums, measure: Measure, twin: Measure | None) -> charts.Column:
        share = self.course.share(measure, sums)
        told = {
            "time": self.names[n],
            "n": self.numbers.count(share.count),
            "of": self._of(share.of, measure.of),
            "rate": self.numbers.percent(share.percent) or "–",
        }
        title = self.told % told
        url = self.feed.url(self.terms[measure.name], self.asked[n])
        whole = self.course.share(twin, sums).percent if twin else None
        return charts.Column(share.percent, title, url, whole, is_faint=share.of < FEW)

    def _of(self, n: int, of: str) -> str:
        """What a share is of, in words."""
        told = {"n": self.numbers.count(n)}
        if of == "delivered":
            return ngettext("%(n)s delivered", "%(n)s delivered", n) % told
        return ngettext("%(n)s email", "%(n)s emails", n) % told

    def _ticks(self, chart: Chart, unit: str) -> tuple[str, str, str]:
        """What stands beside the scale: its top, its middle, its bottom."""
        middle = self.numbers.axis(chart.middle) + unit if unit or chart.top > 1 else ""
        return self.numbers.axis(chart.top) + unit, middle, "0" + unit

    # ---- Tables ---------------------------------------------------------------------------------------------

    @property
    def table(self) -> list[Line]:
        """The steps, newest first, with all figures."""
        measures = [overview.EMAILS, *(m for pair in overview.FIGURES for m in pair if m)]
        return [
            Line(self.names[n], self.feed.url(self.asked[n]),
                 [self.counted(m, self.course.steps[n], self.asked[n]) for m in measures])
            for n in reversed(range(len(self.names)))
        ]  # fmt: skip

    def lines(self, rows: Sequence[Row], key: str, asked: str) -> list[Line]:
        """Senders or domains, each with the question `key:name`, of the days of the question `asked`."""
        found = []
        for row in rows:
            mine = f"{questions.text((key, [row.name]))} {asked}"
            cells = [self.counted(m, row.sums, mine) for m in (overview.EMAILS, *overview.COLUMNS)]
            found.append(Line(row.name, self.feed.url(mine), cells))
        return found

    def asked_of(self, days: overview.Days) -> str:
        """The question for the emails of these days, which may be of another zone than the account's."""
        return questions.within(Span(days.starts_at, days.ends_at), self.period.zone)

    def reasons(self, rows: Sequence[Row], measure: Measure, asked: str) -> list[Because]:
        """Why emails were refused or dropped, with the question for each."""
        kind = Kind.DROPPED if measure is overview.DROPPED else Kind.BOUNCED
        return [self._because(kind, row.name, row.sums[measure.name], self.terms[measure.name], asked) for row in rows]

    def _because(self, kind: Kind, reason: str, count: int, *asked: str) -> Because:
        term = questions.text(("reason", [reason]))
        return Because(reason, meaning(reason, kind), self.numbers.count(count), self.feed.url(term, *asked))

    def waiting(self, account_id: int) -> Held:
        """What waits, and why as far as servers said so."""
        total = self.course.total
        found = overview.retrying(account_id, self.whole, total["deferred"] if total["waiting"] else 0)
        mark = questions.text(("is", ["retrying"]))
        because = [
            self._because(Kind.DEFERRED, reason, n, mark, self.asked_all) for reason, n in found.reasons if reason
        ]
        return Held(
            self.counted(overview.WAITING, total, self.asked_all), self.numbers.count(found.retrying),
            self.feed.url(mark, self.asked_all), because[: overview.MOST_REASONS], found.is_cut,
        )  # fmt: skip


def meaning(reason: str, kind: Kind) -> str:
    """What an answer means, and what to do, in plain words; "" where nothing is known of it."""
    known = answers.explain(Email(comment=reason, code="", bounce=Bounce.NONE), kind)
    return f"{known.meaning} {known.todo}".strip() if known else ""


def name(step: Span, period: Period, is_short: bool = False) -> str:
    """An hour, day or week in the account's zone and the page's language."""
    local = step.starts_at.astimezone(period.zone)
    day = date_format(local, pgettext("day of a chart", "M j"))
    if period.unit == "hour":
        told = f"{local:%H:%M}" + (f" {local.tzname()}" if is_twice(local) else "")
        return told if is_short else f"{day}, {told}"
    if period.unit == "week" and not is_short:
        return _("Week from %(day)s") % {"day": day}
    return day


def is_twice(local: datetime) -> bool:
    """Whether clocks show this time twice, because they are set back."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def before_words(period: Period, numbers: Numbers) -> str:
    """What a period is compared with."""
    if period.choice == "24h":
        return _("the 24 hours before")
    told = {"n": numbers.count(period.days)}
    return ngettext("the day before", "the %(n)s days before", period.days) % told


def volume_before(course: Course, numbers: Numbers) -> str:
    """How the number of emails compares, in words: the number itself, which needs no base to be a share of."""
    now, before = course.total["emails"], course.before["emails"]
    if not before:
        return _("none")
    moved = Share(abs(now - before), before)
    change = 100 * moved.count / before
    told = {"n": numbers.count(before), "change": numbers.decimal(change, 0)}
    if now == before:
        return _("%(n)s, as many") % told
    return (_("%(n)s, %(change)s%% more now") if now > before else _("%(n)s, %(change)s%% fewer now")) % told

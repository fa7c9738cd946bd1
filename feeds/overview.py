"""What became of the emails of a time: counts of whole cohorts, read from the rollups alone.

Every count is the number of emails that one filter of the feed finds (`Measure.terms` with the days): of the emails
that stand in this time, how many were ever delivered, opened and so on. An open of today counts where its email
stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from feeds.cohorts import MEASURES as COUNTED
from feeds.cohorts import Dimension
from feeds.events import Kind, Status
from feeds.figures import Share
from feeds.models import id_at
from feeds.periods import midnight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from django.utils.functional import _StrPromise

    from feeds.periods import Period, Span

type Sums = dict[str, int]
type Terms = tuple[tuple[str, tuple[str, ...]], ...]

MOST_ROWS = 20
# How many deferrals are looked through, newest first, for the emails that still wait and why.
MOST_DEFERRALS = 5_000
MOST_REASONS = 12
# About how many counts of a day are looked through to find out which senders or domains come first.
MOST_RANKED = 100_000


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is counted: which emails (`terms` of the query language), and of what it is a share."""

    name: str
    label: _StrPromise
    terms: Terms
    of: str = ""
    meaning: _StrPromise | str = ""


def _event(*kinds: Kind) -> Terms:
    return (("event", tuple(kind.name.lower() for kind in kinds)),)


EMAILS = Measure("emails", _("Emails"), (), "", _("All emails that stand in this time of the feed."))
DELIVERED = Measure(
    "delivered", _("Delivered"), _event(Kind.DELIVERED), "emails",
    _("Accepted by the recipient's server, which may still have filed them as spam."),
)  # fmt: skip
OPENED = Measure(
    "opened", _("Opened by people"), _event(Kind.OPENED), "delivered",
    _("Opened at least once by a person, however often. Who blocks pictures reads without ever counting."),
)  # fmt: skip
OPENED_ANY = Measure(
    "opened_any", _("Opened by people or machines"), _event(Kind.OPENED, Kind.MACHINE_OPENED), "delivered"
)
CLICKED = Measure(
    "clicked", _("Clicked by people"), _event(Kind.CLICKED), "delivered",
    _("A person followed a link at least once. The unsubscribe link does not count."),
)  # fmt: skip
CLICKED_ANY = Measure(
    "clicked_any", _("Clicked by people or machines"), _event(Kind.CLICKED, Kind.MACHINE_CLICKED), "delivered"
)
BOUNCED = Measure(
    "bounced", _("Bounced"), _event(Kind.BOUNCED), "emails", _("Refused for good by the recipient's server.")
)
DEFERRED = Measure(
    "deferred", _("Deferred"), _event(Kind.DEFERRED), "emails",
    _("Refused for now at least once. Most of these are delivered later."),
)  # fmt: skip
DROPPED = Measure(
    "dropped", _("Dropped"), _event(Kind.DROPPED), "emails",
    _("Never sent: the address is on a suppression list, or is none."),
)  # fmt: skip
WAITING = Measure(
    "waiting", _("Still waiting"), (("status", (Status.PROCESSED.name.lower(), Status.SENT.name.lower())),), "emails",
    _("Nothing is known yet but that they were accepted or sent."),
)  # fmt: skip
UNSUBSCRIBED = Measure("unsubscribed", pgettext_lazy("emails", "Unsubscribed"), _event(Kind.UNSUBSCRIBED), "delivered")
SPAM = Measure(
    "spam", pgettext_lazy("emails", "Reported as spam"), _event(Kind.SPAM), "delivered",
    _("Only some mailbox providers tell. Few complaints are enough to harm the delivery of all your mail."),
)  # fmt: skip

# In the order of the page; the second counts the same with machines.
FIGURES: tuple[tuple[Measure, Measure | None], ...] = (
    (DELIVERED, None),
    (OPENED, OPENED_ANY),
    (CLICKED, CLICKED_ANY),
    (BOUNCED, None),
    (UNSUBSCRIBED, None),
    (SPAM, None),
    (DEFERRED, None),
    (DROPPED, None),
    (WAITING, None),
)
# What tables show beside the emails, and may be sorted by.
COLUMNS = (DELIVERED, OPENED, CLICKED, BOUNCED, UNSUBSCRIBED, SPAM, DROPPED)

_WAITING = f"status_{Status.PROCESSED.value} + status_{Status.SENT.value}"
_COHORT = {name: name for name in COUNTED} | {WAITING.name: _WAITING}
COHORTS = f"""
    select width_bucket(starts_at, %s::timestamptz[]), {", ".join(f"sum({c})::bigint" for c in _COHORT.values())}
    from feeds_cohort where account_id = %s and starts_at >= %s and starts_at < %s group by 1
"""  # noqa: S608  # here and below: nothing comes from outside
_DAY = tuple(COUNTED)
ROWS_OF_DAYS = """
    select count(*) from (
        select from feeds_day where account_id = %s and dimension = %s and day between %s and %s limit %s) days
"""
# `lateral`: the sums of all days are looked up for those few that come first, by the whole primary key.
TOP = f"""
    with ranked as (
        select value,
            row_number() over (order by sum({{by}})::float8 / {{share}} desc, sum(emails) desc, value) as place
        from feeds_day where account_id = %(account)s and dimension = %(dimension)s
            and day between %(since)s and %(last)s
        group by value having sum({{of}}) >= %(least)s and sum({{by}}) > 0 order by place limit %(limit)s)
    select coalesce(n.{{name}}, ''), s.* from ranked r left join {{table}} n on n.id = r.value
    cross join lateral (
        select {", ".join(f"sum({name})::bigint" for name in _DAY)} from feeds_day
        where account_id = %(account)s and dimension = %(dimension)s and day = any(%(days)s::date[])
            and value = r.value) s
    order by r.place
"""  # noqa: S608
# The first column says how many deferrals were looked through.
RETRYING = f"""
    with newest as materialized (
        select email_id from feeds_event where account_id = %s and kind = {Kind.DEFERRED}
            and kind in (3, 6, 7, 8, 20, 29) and email_id >= %s and email_id < %s
        order by email_id desc limit %s),
    waiting as (
        select coalesce(r.text, '') as reason, count(*) as emails
        from feeds_email e left join feeds_reason r on r.id = e.reason_id
        where e.id in (select email_id from newest) and e.status <= {Status.SENT} and e.deferrals > 0 group by 1)
    select (select count(*) from newest), reason, emails from (values (1)) one left join waiting on true
    order by emails desc, reason
"""  # noqa: S608


def rows(statement: str, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


# ---- Over time --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Course:
    """The sums of each step of a period, of all of it, and of the time before."""

    steps: list[Sums]
    total: Sums
    before: Sums

    def share(self, measure: Measure, sums: Sums | None = None) -> Share:
        sums = self.total if sums is None else sums
        return Share(sums[measure.name], sums[measure.of or measure.name])


def course(account_id: int, period: Period) -> Course:
    """Counted from the quarters of an hour, whose edges are those of every zone's hours. One query."""
    bounds = [period.before.starts_at, period.before.ends_at, *(step.starts_at for step in period.steps)]
    found = rows(COHORTS, [[*bounds, period.ends_at], account_id, bounds[0], period.ends_at])
    sums = {n: dict(zip(_COHORT, counts, strict=True)) for n, *counts in found}
    none = dict.fromkeys(_COHORT, 0)
    steps = [sums.get(n + 3, none) for n in range(len(period.steps))]
    total = {name: sum(step[name] for step in steps) for name in none}
    return Course(steps, total, sums.get(1, none))


# ---- By sender, recipient's domain, reason ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One sender, domain or reason. `name` is "" where it is not known."""

    name: str
    sums: Sums

    def share(self, measure: Measure) -> Share:
        return Share(self.sums[measure.name], self.sums[measure.of or measure.name])


@dataclass(frozen=True, slots=True)
class Days:
    """The whole days, in the zone they are counted in, that tables are about."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def starts_at(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def ends_at(self) -> datetime:
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def all(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


# What the values of a dimension are called: table and column.
NAMES = {
    Dimension.SENDER: ("feeds_address", "addr"),
    Dimension.DOMAIN: ("feeds_domain", "name"),
    Dimension.REASON: ("feeds_reason", "text"),
}


def least_for(measure: Measure, emails: int) -> int:
    """How many emails a row must have to be ranked by a share: one bounce of one email tells nothing. `emails` is
    the number of all."""
    return 1 if measure is EMAILS else min(max(emails // 1000, 1), 100)


@dataclass(frozen=True, slots=True)
class Top:
    """The first rows of a ranking. `ranked_since` is set where not all days could be looked through: it was decided by
    the days from this one on who comes first. The sums are of all days."""

    rows: list[Row]
    ranked_since: date | None = None


def top(
    account_id: int,
    dimension: Dimension,
    days: Days,
    by: Measure = EMAILS,
    least: int = 1,
    limit: int = MOST_ROWS,
    look: int = MOST_RANKED,
) -> Top:
    """Those with the most emails, or with the largest share of `by` among those with at least `least` to be a share
    of. For reasons the number decides. Two queries, bounded by `look`; index: feeds_day's primary key."""
    plain = not by.of or dimension is Dimension.REASON
    table, name = NAMES[dimension]
    statement = TOP.format(
        of="emails" if plain else by.of, by=by.name, share="1" if plain else f"greatest(sum({by.of}), 1)",
        table=table, name=name,
    )  # fmt: skip
    since = _ranked_since(account_id, dimension, days, look)
    asked = {
        "account": account_id, "dimension": int(dimension), "since": since, "last": days.last, "days": days.all,
        "least": least, "limit": limit,
    }  # fmt: skip
    found = [Row(told, dict(zip(_DAY, sums, strict=True))) for told, *sums in rows(statement, asked)]
    return Top(found, since if since > days.first else None)


def _ranked_since(account_id: int, dimension: Dimension, days: Days, look: int) -> date:
    """The first of the days that together have about `look` counts, judged by the last two of them."""
    recent = max(days.first, days.last - timedelta(days=1))
    counted = rows(ROWS_OF_DAYS, [account_id, dimension, recent, days.last, look])[0][0]
    a_day = counted / ((days.last - recent).days + 1)
    return max(days.first, days.last - timedelta(days=int(look / max(a_day, 1)) - 1))


def counted_in(account_id: int) -> str:
    """The name of the zone the days of this account are counted in; "" where nothing was counted yet."""
    found = rows("select zone from feeds_day_zone where account_id = %s", [account_id])
    return str(found[0][0]) if found else ""


# ---- What waits -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """Emails a server refused for now, by its answer; `is_cut`: there may be more of them."""

    reasons: list[tuple[str, int]] = field(default_factory=list)
    is_cut: bool = False

    @property
    def retrying(self) -> int:
        return sum(count for _reason, count in self.reasons)


def retrying(account_id: int, span: Span, deferred: int) -> Waiting:
    """The emails of a time that are tried again, found through their newest deferrals (index feeds_event_rare)."""
    if not deferred:
        return Waiting()
    found = rows(RETRYING, [account_id, id_at(span.starts_at), id_at(span.ends_at), MOST_DEFERRALS])
    reasons = [(reason, n) for _seen, reason, n in found if n]
    return Waiting(reasons, found[0][0] == MOST_DEFERRALS)

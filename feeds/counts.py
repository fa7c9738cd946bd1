"""How many emails a filter finds, and how many of them have which status.

Exact where the filter names nothing but statuses and times: the cohorts have that. Otherwise counted as far as a bound
and a short time allow, and then said as "at least".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

from django.db import connection
from psycopg.errors import QueryCanceled

from accounts.patience import at_most
from feeds.events import Status
from feeds.models import EPOCH, MAX_ID, id_at, time_of
from feeds.search import STATEMENT_MS, Hunt
from feeds.terms import Not, OneOf, Wanted, resolve

if TYPE_CHECKING:
    from accounts.access import Access
    from feeds.query import Filter

CAP = 10_000
# Of the quarters of an hour at the edges of a filter's time so many emails are counted one by one.
MOST_AT_EDGE = 100_000
# For the emails of the filter, and then for those of any status.
SECONDS, SECONDS_OF_OTHERS = 0.15, 0.1
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Count:
    """So many emails; at least so many, where it is not exact."""

    n: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many emails the filter finds; and for each status, how many it would find with that status instead of those
    it names itself."""

    total: Count
    by_status: dict[Status, Count]


def of(access: Access, asked: Filter, now: datetime) -> Counts:
    """The counts of a filter. Raises Unclear as `resolve` does."""
    wanted = resolve(asked, access.account, now)
    others = replace(wanted, conditions=tuple(c for c in wanted.conditions if not _is_status(c)))
    if not others.conditions:
        try:
            return _exact(wanted)
        except QueryCanceled:
            pass
    return _counted(wanted, others, now)


def is_quick(asked: Filter) -> bool:
    """Whether the counts of this filter are exact and cost little."""
    return {term.key for term in asked.terms} <= {"status", "since", "after", "before"}


def _is_status(condition: object) -> bool:
    return isinstance(condition.condition if isinstance(condition, Not) else condition, OneOf)


def _passes(wanted: Wanted, status: Status) -> bool:
    """Whether the filter's own terms about statuses let this one pass."""
    email = SimpleNamespace(status=status)
    return all(condition.matches(email) for condition in wanted.conditions if _is_status(condition))


def _exact(wanted: Wanted) -> Counts:
    """From whole quarters of an hour the cohorts' sums, from the parts of quarters at the edges the emails."""
    sums: Counter[int] = Counter()
    first, end = _quarter(wanted.low, up=True), _quarter(wanted.high, up=False)
    edges = [(wanted.low, min(wanted.high, id_at(first)))]
    if wanted.high < MAX_ID and first <= end:
        edges.append((id_at(end), wanted.high))
    is_exact = True
    with at_most(STATEMENT_MS), connection.cursor() as cursor:
        if first < end:
            columns = ", ".join(f"coalesce(sum(status_{status.value}), 0)" for status in Status)
            cursor.execute(
                f"select {columns} from feeds_cohort where account_id = %s and starts_at >= %s and starts_at < %s",  # noqa: S608
                [wanted.account_id, first, end],
            )
            sums.update({status: int(n) for status, n in zip(Status, cursor.fetchone(), strict=True)})
        for low, high in edges:
            if low < high:
                cursor.execute(
                    "select status, count(*) from (select status from feeds_email where account_id = %s and id >= %s"
                    " and id < %s order by id desc limit %s) e group by 1",
                    [wanted.account_id, low, high, MOST_AT_EDGE],
                )
                counted = dict(cursor.fetchall())
                is_exact = is_exact and sum(counted.values()) < MOST_AT_EDGE
                sums.update(counted)
    by_status = {status: Count(sums[status], is_exact) for status in Status}
    return Counts(Count(sum(sums[status] for status in Status if _passes(wanted, status)), is_exact), by_status)


def _quarter(email_id: int, *, up: bool) -> datetime:
    """The quarter of an hour that begins at this id's moment or before it; or else (`up`) the next one, unless the id
    is its very first."""
    moment = time_of(email_id)
    begin = moment - (moment - EPOCH) % QUARTER
    return begin + QUARTER if up and id_at(begin) < email_id else begin


def _counted(wanted: Wanted, others: Wanted, now: datetime) -> Counts:
    mine, is_mine_exact = _hunted(wanted, SECONDS, now)
    total = Count(min(mine.total(), CAP), is_mine_exact)
    if others == wanted:
        return Counts(total, {status: Count(mine[status], is_mine_exact) for status in Status})
    all_of_them, is_exact = _hunted(others, SECONDS_OF_OTHERS, now)
    by_status = {}
    for status in Status:
        is_known = is_mine_exact and _passes(wanted, status)
        by_status[status] = Count(max(mine[status], all_of_them[status]), is_known or is_exact)
    return Counts(total, by_status)


def _hunted(wanted: Wanted, seconds: float, now: datetime) -> tuple[Counter[int], bool]:
    """How many of each status were found in this time, and whether these are all."""
    hunt = Hunt(wanted, CAP + 1, now)
    hunt.run(seconds)
    found = Counter(status for _id, status in hunt.found)
    return found, hunt.place is None and len(hunt.found) <= CAP

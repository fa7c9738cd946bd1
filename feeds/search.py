"""Finding emails, newest first, at a cost that does not grow with the table.

A search is a list of bounded looks. Where an exact word leads (`feeds.drivers`), its ids are followed in slices and
each email is checked against all conditions. Otherwise the newest emails are looked through first, which answers every
common word; for what is rare the addresses that hold it lead on. What nothing can lead to is looked for backwards,
slice by slice, until the page is full or the time is over; then the page says how far it looked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from feeds import drivers
from feeds.models import Email, time_of
from feeds.terms import OneOf, Wanted, resolve

if TYPE_CHECKING:
    from accounts.access import Access
    from feeds.drivers import Lead
    from feeds.query import Filter

FIRST_LOOK = 20_000
# Emails a look goes through where nothing leads, and ids of a lead that are checked at once: from a few to many.
LEAST_LOOK, MOST_LOOK = 2_000, 100_000
FIRST_SLICE, SLICE_GROWTH, MOST_SLICE = 200, 6, 20_000
# So many ids of each lead tell which one is the sparsest.
PROBE = 1_000
# A search begins no further look after this long. A statement that takes much longer than any should is stopped.
SECONDS = 0.4
STATEMENT_MS, ADDRESSES_MS = 2_000, 400


@dataclass(frozen=True, slots=True)
class Page:
    """Some emails, newest first. `older` is where the next page begins (None: there is none). `back_to` is set where
    the search stopped before the page was full: it looked no further back than that."""

    emails: list[Email]
    older: int | None
    back_to: datetime | None = None


def page(access: Access, asked: Filter, now: datetime, before: int | None = None, limit: int = 50) -> Page:
    """The newest `limit` emails of the filter that stand before the id `before`. Raises Unclear as `resolve` does."""
    hunt = Hunt(resolve(asked, access.account, now).before(before), limit + 1)
    hunt.run(SECONDS)
    ids = [email_id for email_id, _status in hunt.found[:limit]]
    emails = list(Email.objects.filter(account_id=access.account.id, id__in=ids).order_by("-id")) if ids else []
    if len(hunt.found) > limit:
        return Page(emails, ids[-1])
    return Page(emails, hunt.place, min(now, time_of(hunt.place)) if hunt.place else None)


@contextmanager
def at_most(milliseconds: int) -> Iterator[None]:
    """Statements inside are stopped after this long; then the block is left by QueryCanceled."""
    outermost = not connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"set local statement_timeout = {milliseconds}")
            yield
            if not outermost:
                cursor.execute("set local statement_timeout to default")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise error.__cause__ from None
        raise


@dataclass(slots=True)
class Hunt:
    """The emails of a filter, found newest first. `found` are ids with the emails' statuses; `place` is how far back
    all of them are found (None: to the end)."""

    wanted: Wanted
    most: int
    found: list[tuple[int, int]] = field(default_factory=list)
    place: int | None = None
    _end: float = 0.0

    def run(self, seconds: float) -> None:
        """Look until there are `most`, nothing is left, or no further look may begin."""
        self._end = monotonic() + seconds
        self.place = self.wanted.high
        try:
            self._run()
        except QueryCanceled:
            return

    def _run(self) -> None:
        with at_most(STATEMENT_MS):
            leads = drivers.quick(self.wanted)
            if leads:
                self._follow(leads, looks=2)
            else:
                self._through(FIRST_LOOK)
        if self._is_over:
            return
        leads += self._thorough()
        with at_most(STATEMENT_MS):
            if leads:
                self._follow(leads)
            elif statuses := next((c for c in self.wanted.conditions if isinstance(c, OneOf)), None):
                self._through_quarters(statuses)
            else:
                self._backwards()

    @property
    def _is_over(self) -> bool:
        return self.place is None or len(self.found) >= self.most or monotonic() >= self._end

    def _thorough(self) -> list[Lead]:
        """No leads, where finding them takes too long: a text may have little that an index can use."""
        try:
            with at_most(ADDRESSES_MS):
                return drivers.thorough(self.wanted)
        except QueryCanceled:
            return []

    def _follow(self, leads: Sequence[Lead], looks: int | None = None) -> None:
        """Follow the sparsest of these, so many looks long."""
        lead = next((lead for lead in leads if lead.is_empty), None) or self._sparsest(leads)
        if lead.is_empty:
            self.place = None
        size, begun = FIRST_SLICE, 0
        while not self._is_over and begun != looks:
            self._along(lead, size)
            size, begun = min(size * SLICE_GROWTH, MOST_SLICE), begun + 1

    def _sparsest(self, leads: Sequence[Lead]) -> Lead:
        """The one with the fewest ids; of those that have many, whose ids reach back furthest."""
        if len(leads) == 1:
            return leads[0]

        def reach(lead: Lead) -> tuple[bool, int]:
            ids, values = lead.sql(self.wanted.low, self._high, PROBE)
            n, last = _row(f"select count(*), min(id) from {ids} x", values)  # noqa: S608
            return n == PROBE, last if n == PROBE else n

        return min(leads, key=reach)

    @property
    def _high(self) -> int:
        assert self.place is not None
        return self.place

    def _take(self, found: Sequence[Sequence[int] | None], place: int | None) -> None:
        ids, statuses = found
        self.found += zip(ids or (), statuses or (), strict=True)
        self.place = place

    def _along(self, lead: Lead, size: int) -> None:
        """Check the next `size` ids of a lead. Offset 0 keeps the planner from looking at all emails instead."""
        ids, values = lead.sql(self.wanted.low, self._high, size)
        condition, given = self.wanted.conditions_sql()
        n, last, *found = _row(
            f"with v as materialized (select id from {ids} x), m as materialized ("  # noqa: S608
            f" select e.id, e.status from v cross join lateral (select id, status from feeds_email e"
            f" where e.id = v.id and e.account_id = %s and {condition} offset 0) e order by 1 desc limit %s)"
            f" select (select count(*) from v), (select min(id) from v), {_IN_ARRAYS} from m",
            [*values, self.wanted.account_id, *given, self.most - len(self.found)],
        )
        self._take(found, last if n == size else None)

    def _through(self, size: int) -> None:
        """Look through the next `size` emails of the account; index (account_id, id)."""
        wanted, most = self.wanted, self.most - len(self.found)
        condition, given = wanted.conditions_sql()
        span = [wanted.account_id, wanted.low, self._high]
        found = _row(
            f"select {_IN_ARRAYS} from (select id, status from (select * from feeds_email"  # noqa: S608
            f" where account_id = %s and id >= %s and id < %s order by id desc limit %s offset 0) e"
            f" where {condition} order by id desc limit %s) m",
            [*span, size, *given, most],
        )
        last = None
        if len(found[0] or ()) < most:
            last = _row(
                "select (select id from feeds_email where account_id = %s and id >= %s and id < %s"
                " order by id desc limit 1 offset %s)",
                [*span, size - 1],
            )[0]
        self._take(found, last)

    def _backwards(self) -> None:
        """Look through more and more emails, as long as there is time; none takes much of it."""
        size = LEAST_LOOK
        while not self._is_over:
            begun = monotonic()
            self._through(size)
            took, left = max(monotonic() - begun, 0.001), self._end - monotonic()
            size = int(min(max(size / took * min(left, 0.1), LEAST_LOOK), MOST_LOOK, size * 10))

    def _through_quarters(self, asked: OneOf) -> None:
        """As backwards, but only through quarters of an hour that have emails of these statuses (feeds.cohorts)."""
        size = LEAST_LOOK
        while not self._is_over:
            self._through_some(asked, size)
            size = min(size * SLICE_GROWTH, MOST_LOOK)

    def _through_some(self, asked: OneOf, size: int) -> None:
        """Through the next such quarters, until they hold `size` emails."""
        wanted, most = self.wanted, self.most - len(self.found)
        condition, given = wanted.conditions_sql()
        some = " + ".join(f"status_{int(status)}" for status in asked.statuses)
        last, *found = _row(
            f"with near as (select starts_at, sum(emails) over (order by starts_at desc) - emails as passed"  # noqa: S608
            f" from feeds_cohort where account_id = %s and starts_at > %s and starts_at < %s and {some} > 0"
            f" order by starts_at desc limit 1000), q as materialized ("
            f" select starts_at, passed from near where passed < %s), m as materialized ("
            f" select e.id, e.status from q cross join lateral (select id, status from feeds_email"
            f" where account_id = %s and id >= greatest(%s, feeds_id(q.starts_at, 0))"
            f" and id < least(%s, feeds_id(q.starts_at + interval '15 minutes', 0)) and {condition}"
            f" offset 0) e order by 1 desc limit %s)"
            f" select (select feeds_id(min(starts_at), 0) from q), {_IN_ARRAYS} from m",
            [wanted.account_id, time_of(wanted.low) - QUARTER, time_of(self._high), size, wanted.account_id,
             wanted.low, self._high, *given, most],
        )  # fmt: skip
        self._take(found, last)


QUARTER = timedelta(minutes=15)
_IN_ARRAYS = "array_agg(id order by id desc), array_agg(status order by id desc)"


def _row(statement: str, values: Sequence[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone()
        return row

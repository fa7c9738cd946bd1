"""Finding emails, newest first, at a cost that does not grow with the table.

A search is a list of bounded looks. Where an exact word leads (`feeds.drivers`), its ids are followed in slices and
each email is checked against all conditions. Otherwise the newest emails are looked through first, which answers every
common word; for what is rare the addresses that hold it lead on. What nothing can lead to is looked for backwards,
slice by slice, until the page is full or the time is over; then the page says how far it looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg.errors import QueryCanceled

from accounts.patience import at_most
from feeds import drivers
from feeds.models import Email, id_at, time_of
from feeds.terms import OneOf, Wanted, resolve

if TYPE_CHECKING:
    from accounts.access import Access
    from feeds.drivers import Lead
    from feeds.query import Filter

# How many of the newest emails are looked through before addresses are searched, and how many more where that promises
# to fill the page.
LOOKS, FURTHER_LOOK = (500, 4_500), 30_000
# With the page further off than this, addresses that stand together are the shorter way to it.
FAR = 10_000
# Emails that a look goes through where nothing leads, and ids of a lead that are checked at once: from a few to many.
LEAST_LOOK, MOST_LOOK = 5_000, 50_000
# Where several lead together, few of the ids are left to be checked: then it begins with more.
LEAST_SLICE, TOGETHER_SLICE, MOST_SLICE = 200, 2_000, 20_000
GROWTH = 6
# So many ids of each lead tell which one is the sparsest. A lead of many addresses is followed month by month: fewer
# partitions.
PROBE, MANY_KEYS = 200, 40
# A search begins no further look after this long. A statement that takes much longer than any should is stopped.
SECONDS = 0.4
STATEMENT_MS, ADDRESSES_MS = 2_000, 400

QUARTER, AHEAD = timedelta(minutes=15), timedelta(days=1)
_IN_ARRAYS = "array_agg(id order by id desc), array_agg(status order by id desc)"


@dataclass(frozen=True, slots=True)
class Page:
    """Some emails, newest first. `older` is where the next page begins (None: there is none). `back_to` is set where
    the search stopped before the page was full: it looked no further back than that."""

    emails: list[Email]
    older: int | None
    back_to: datetime | None = None


def page(access: Access, asked: Filter, now: datetime, before: int | None = None, limit: int = 50) -> Page:
    """The newest `limit` emails of the filter that stand before the id `before`. Raises Unclear as `resolve` does."""
    hunt = Hunt(resolve(asked, access.account, now).before(before), limit + 1, now)
    hunt.run(SECONDS)
    ids = [email_id for email_id, _status in hunt.found[:limit]]
    emails = list(Email.objects.filter(account_id=access.account.id, id__in=ids).order_by("-id")) if ids else []
    if len(hunt.found) > limit:
        return Page(emails, ids[-1])
    return Page(emails, hunt.place, min(now, time_of(hunt.place)) if hunt.place else None)


@dataclass(slots=True)
class Hunt:
    """The emails of a filter, found newest first. `found` are ids with the emails' statuses; `place` is how far back
    all of them are found (None: to the end)."""

    wanted: Wanted
    most: int
    now: datetime
    found: list[tuple[int, int]] = field(default_factory=list)
    place: int | None = None
    _end: float = 0.0
    _has_looked: bool = False
    _is_near_known: bool = False
    _leads: list[Lead] = field(default_factory=list)
    _size: int = LEAST_SLICE

    def run(self, seconds: float) -> None:
        """Look until there are `most`, nothing is left, or no further look may begin."""
        self._end = monotonic() + seconds
        # No email stands in the future (feeds.batch); said here, it spares each statement the partitions made ahead.
        self.place = min(self.wanted.high, id_at(self.now + AHEAD))
        try:
            self._run()
        except QueryCanceled:
            return

    def _run(self) -> None:
        with at_most(STATEMENT_MS):
            self._leads = drivers.quick(self.wanted)
            if not self._leads:
                self._through_newest()
            if self._leads:
                self._choose()
                self._follow(looks=2)
        if self._is_over:
            return
        more = self._thorough()
        with at_most(STATEMENT_MS):
            if more:
                self._leads += more
                self._choose()
            if self._leads:
                self._follow()
            elif statuses := next((c for c in self.wanted.conditions if isinstance(c, OneOf)), None):
                self._through_quarters(statuses)
            else:
                self._through_all()

    @property
    def _is_over(self) -> bool:
        # One look there always is, or the next page would begin where this one did.
        is_late = self._has_looked and monotonic() >= self._end
        return self.place is None or self._left <= 0 or is_late

    @property
    def _left(self) -> int:
        return self.most - len(self.found)

    @property
    def _high(self) -> int:
        assert self.place is not None
        return self.place

    def _promised(self, passed: int, found: int) -> int:
        """How many emails like those passed, of which so many were found, would fill the page; 0 where none was."""
        return self._left * passed * 3 // (found * 2) + 1 if found else 0

    def _take(self, found: Sequence[Sequence[int] | None], place: int | None) -> None:
        ids, statuses = found
        self.found += zip(ids or (), statuses or (), strict=True)
        self.place, self._has_looked = place, True

    # ---- Where something leads

    def _thorough(self) -> list[Lead]:
        """No leads, where finding them takes too long: a text may have little that an index can use."""
        try:
            with at_most(ADDRESSES_MS):
                return [*self._near(), *drivers.thorough(self.wanted)]
        except QueryCanceled:
            return []

    def _near(self) -> list[Lead]:
        """None the second time: there are too many addresses for leads, or they lead already."""
        is_first, self._is_near_known = not self._is_near_known, True
        return drivers.near(self.wanted) if is_first else []

    def _choose(self) -> None:
        """Let the sparsest lead: that of the fewest ids, or of ids that reach back furthest where all have many."""
        # Where all that is asked for is what leads, the first ids fill the page.
        self._size = self._left if len(self.wanted.conditions) == 1 else LEAST_SLICE
        if any(lead.is_empty for lead in self._leads):
            self.place = None
        elif len(self._leads) > 1:
            self._leads.sort(key=self._density)
            if not all(lead.keys for lead in self._leads[1:]):
                self._size = TOGETHER_SLICE

    def _density(self, lead: Lead) -> float:
        ids, values = lead.sql(self.wanted.low, self._high, PROBE)
        n, last = _row(f"select count(*), min(id) from {ids} x", values)  # noqa: S608
        return float(n / max(1, self._high - (last if n == PROBE else self.wanted.low)))

    def _follow(self, looks: int | None = None) -> None:
        """Follow the first lead, so many looks long."""
        begun = 0
        while not self._is_over and begun != looks:
            found = len(self.found)
            passed = self._along(self._size)
            promised = self._promised(passed, len(self.found) - found)
            grown = min(self._size * GROWTH, MOST_SLICE)
            self._size, begun = max(LEAST_SLICE, min(promised or grown, grown)), begun + 1

    def _along(self, size: int) -> int:
        """Check the next `size` ids of the first lead: against the others where that is cheap, and then each email that
        is left. Offset 0 keeps the planner from beginning elsewhere. Returns how many ids there were."""
        lead, *others = self._leads
        low = self.wanted.low if lead.keys < MANY_KEYS else max(self.wanted.low, self._month())
        ids, values = lead.sql(low, self._high, size)
        tables = [f"t0 as materialized (select array_agg(id order by id) as ids from {ids} x)"]  # noqa: S608
        # Of many addresses that is not asked.
        for other in others:
            if not other.keys:
                some, given = other.among(_ids_of(len(tables) - 1), low, self._high)
                tables.append(f"t{len(tables)} as materialized (select array_agg(distinct id) as ids from {some} x)")  # noqa: S608
                values += given
        condition, given = self.wanted.conditions_sql()
        n, last, *found = _row(
            f"with {', '.join(tables)}, m as materialized (select e.id, e.status"  # noqa: S608
            f" from unnest({_ids_of(len(tables) - 1)}) w cross join lateral (select id, status from feeds_email"
            f" where id = w and id >= %s and id < %s and account_id = %s and {condition} offset 0) e"
            f" order by 1 desc limit %s)"
            f" select coalesce(cardinality({_ids_of(0)}), 0), {_ids_of(0)}[1], {_IN_ARRAYS} from m",
            [*values, low, self._high, self.wanted.account_id, *given, self._left],
        )
        self._take(found, last if n == size else low if low > self.wanted.low else None)
        return int(n)

    def _month(self) -> int:
        """The first id of the month that is searched next."""
        moment = time_of(self._high - 1)
        return id_at(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0))

    # ---- Where nothing does

    def _through_newest(self) -> None:
        """Look through the newest emails, and further where they promise that it is not far; until something leads."""
        passed = 0
        for size in LOOKS:
            promised = self._promised(passed, len(self.found))
            if passed and not 0 < promised <= FAR:
                self._leads = self._near()
                if self._leads:
                    return
            some = min(promised or size, size)
            self._through(some)
            passed += some
            if self._is_over:
                return
        while 0 < (promised := self._promised(passed, len(self.found))) <= FURTHER_LOOK and not self._is_over:
            self._through(promised)
            passed += promised

    def _through(self, size: int) -> None:
        """Look through the next `size` emails of the account; index (account_id, id)."""
        condition, given = self.wanted.conditions_sql()
        n, last, *found = _row(
            f"select count(*), min(id), array_agg(id order by id desc) filter (where holds),"  # noqa: S608
            f" array_agg(status order by id desc) filter (where holds) from (select id, status, {condition} as holds"
            f" from feeds_email where account_id = %s and id >= %s and id < %s order by id desc limit %s offset 0) e",
            [*given, self.wanted.account_id, self.wanted.low, self._high, size],
        )
        self._take(found, last if n == size else None)

    def _through_all(self) -> None:
        """Look through more and more emails, as long as there is time; none of the looks takes much of it."""
        size = LEAST_LOOK
        while not self._is_over:
            begun = monotonic()
            self._through(size)
            took, left = max(monotonic() - begun, 0.001), self._end - monotonic()
            size = int(max(LEAST_LOOK, min(size / took * min(left, 0.1), MOST_LOOK, size * GROWTH)))

    def _through_quarters(self, asked: OneOf) -> None:
        """The same, but only through quarters of an hour that have emails of these statuses (feeds.cohorts)."""
        size = LEAST_LOOK
        while not self._is_over:
            self._through_some(asked, size)
            size = min(size * GROWTH, MOST_LOOK)

    def _through_some(self, asked: OneOf, size: int) -> None:
        """Through the next such quarters, until they hold `size` emails."""
        wanted = self.wanted
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
             wanted.low, self._high, *given, self._left],
        )  # fmt: skip
        self._take(found, last)


def _ids_of(n: int) -> str:
    """The sorted ids of one of the tables of a statement."""
    return f"((select ids from t{n})::bigint[])"  # noqa: S608


def _row(statement: str, values: Sequence[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone()
        return row

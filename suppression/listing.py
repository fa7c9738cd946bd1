"""Finding entries, newest first, at a cost that does not grow with the list.

The newest entries are looked through first, a few and then more, in the order of an index: that answers whatever is
common. For what is rare an index of the thing itself leads: the letters of a part, the causes a member gave. What
nothing can lead to is looked for further back until the time is over; then the page says how far it looked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg.errors import QueryCanceled

from accounts.patience import at_most
from suppression.models import Reason, Suppression
from suppression.sought import SQL, Sought, Way, like, of_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suppression.lists import List

PAGE = 50
# So many of the newest are looked through before anything leads; and further ones where that fills the page for less
# than the search for a part would cost.
LOOKS, FAR = (300, 2_200), 20_000
LEAST_LOOK, MOST_LOOK = 5_000, 50_000
# More than these do not lead: the newest hold enough to fill a page.
MOST_LED = 10_000
# Trigrams need three letters; of a long part so many lead as `feeds.drivers` found to be enough.
LEAST_LETTERS, WINDOW = 3, 4
# Counted as far as this.
CAP = 10_000
# A search begins no further look after this long; a statement that takes much longer than any should is stopped.
SECONDS, SECONDS_OF_COUNTS = 0.3, 0.1
# Nothing leads to so few letters, and a letter more does: nobody waits for them.
SECONDS_OF_FEW_LETTERS = 0.02
STATEMENT_MS, LEAD_MS = 2_000, 250


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the list: the moment an entry came, and its id."""

    added_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.added_at.timestamp() * 1_000_000:.0f}.{self.id}"

    @classmethod
    def read(cls, given: str) -> Place | None:
        """None for what no page of ours says."""
        moment, _dot, number = given.partition(".")
        if not (moment.isascii() and moment.isdecimal() and number.isascii() and number.isdecimal()):
            return None
        try:
            micro = int(moment)
            added_at = datetime.fromtimestamp(micro // 1_000_000, tz=UTC).replace(microsecond=micro % 1_000_000)
        except (OverflowError, ValueError, OSError):
            return None
        return cls(added_at, int(number)) if int(number) < 2**63 else None


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, newest first, and the places that the pages before and after it begin at. `back_to` is set where
    the search stopped before the page was full: it looked no further than that."""

    entries: list[Suppression]
    newer: Place | None = None
    older: Place | None = None
    back_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """So many entries; at least so many, where it is not exact."""

    n: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries are found; and for each reason, how many would be found with it instead of the one asked for."""

    total: Count
    by_reason: dict[Reason, Count]


def page(
    at: List, sought: Sought, *, before: Place | None = None, after: Place | None = None, limit: int = PAGE
) -> Page:
    """The newest `limit` entries that stand before a place; or those next above a place."""
    upwards = after is not None and before is None
    hunt = Hunt(at.account_id, sought, limit + 1, start=after if upwards else before, upwards=upwards)
    hunt.run(SECONDS)
    ids = [entry_id for entry_id, _reason in hunt.found[:limit]]
    is_more = len(hunt.found) > limit
    if upwards and not is_more and hunt.place is None:
        return page(at, sought, limit=limit)
    order = ("-added_at", "-id")
    entries = list(at.entries.filter(id__in=ids).order_by(*order)) if ids else []
    first, last = (Place(e.added_at, e.id) for e in (entries[0], entries[-1])) if entries else (None, None)
    back_to = None if is_more or hunt.place is None else hunt.place
    if upwards:
        return Page(entries, first if is_more else back_to, last, back_to.added_at if back_to else None)
    older = last if is_more else back_to
    return Page(entries, first or before if before else None, older, back_to.added_at if back_to else None)


def counts(at: List, sought: Sought) -> Counts:
    """How many there are: exactly where nothing but a reason is asked for, else as far as a bound and a moment go."""
    if sought.is_all:
        found, is_exact = tally(at.account_id), True
    else:
        hunt = Hunt(at.account_id, sought.with_reason(None), CAP + 1)
        hunt.run(SECONDS_OF_COUNTS)
        found = Counter(reason for _id, reason in hunt.found)
        is_exact = hunt.place is None and len(hunt.found) <= CAP
    by_reason = {reason: Count(found[reason], is_exact) for reason in Reason}
    if sought.reason:
        return Counts(by_reason[sought.reason], by_reason)
    return Counts(Count(found.total() if is_exact else min(found.total(), CAP), is_exact), by_reason)


def tally(account_id: int | None) -> Counter[int]:
    """How many entries a list has of each reason. Index: suppression_tally_once."""
    ours, given = of_list(account_id)
    with connection.cursor() as cursor:
        cursor.execute(
            f"select reason, sum(added - removed)::bigint from suppression_tally s where {ours} group by 1",  # noqa: S608
            given,
        )
        return Counter(dict(cursor.fetchall()))


@dataclass(slots=True)
class Hunt:
    """The entries that are looked for, in the order of the list, or upwards. `found` are ids with their reasons;
    `place` is how far all of them are found (None: to the end)."""

    account_id: int | None
    sought: Sought
    most: int
    start: Place | None = None
    upwards: bool = False
    found: list[tuple[int, int]] = field(default_factory=list)
    place: Place | None = None
    _is_over: bool = False
    _end: float = 0.0

    def run(self, seconds: float) -> None:
        """Look until there are `most`, nothing is left, or no further look may begin."""
        if self.sought.way == Way.PART and len(self.sought.text) < LEAST_LETTERS:
            seconds = min(seconds, SECONDS_OF_FEW_LETTERS)
        self._end, self.place = monotonic() + seconds, self.start
        try:
            with at_most(STATEMENT_MS):
                if self.sought.way == Way.ADDRESS:
                    self._led("true", [])
                    return
                self._through_newest()
            if not self._is_over and not self._follow_lead():
                with at_most(STATEMENT_MS):
                    self._through_all()
        except QueryCanceled:
            # What was found is true; there may be more beyond the place.
            self.place = self.place or Place(datetime.now(UTC), 2**63 - 1)

    def _through_newest(self) -> None:
        """A few, and then more; and as many as fill the page for certain, where that is not far."""
        passed = 0
        for size in LOOKS:
            promised = self._promised(passed)
            self._through(min(promised, size) if promised else size)
            passed += size
            if self._is_over:
                return
        while 0 < (promised := self._promised(passed)) <= FAR and not self._is_over:
            self._through(promised)
            passed += promised

    def _promised(self, passed: int) -> int:
        """How many entries like those passed would fill the page; 0 where none was found among them."""
        found = len(self.found)
        return (self.most - found) * passed * 3 // (found * 2) + 1 if found else 0

    def _through_all(self) -> None:
        """One look there always is, or a slow machine would never come to the end of a short list."""
        size, begun = LEAST_LOOK, 0.0
        while not self._is_over and (not begun or monotonic() < self._end):
            begun = monotonic()
            self._through(size)
            took, left = max(monotonic() - begun, 0.001), self._end - monotonic()
            size = int(max(LEAST_LOOK, min(size / took * min(left, 0.1), MOST_LOOK, size * 6)))

    def _through(self, size: int) -> None:
        """Look through the next `size` entries of the index that fits best: suppression_of_reason, _of_domain,
        _of_origin or _newest. Offset 0 keeps the planner from beginning elsewhere."""
        sql, given = self._leading()
        conditions = list(self.sought.conditions(self.account_id))
        holds = " and ".join(text for text, _values in conditions) or "true"
        if self.sought.reason:
            holds += f" and s.reason = {int(self.sought.reason)}"
        order = self._order
        row = _row(
            f"with e as materialized (select s.id, s.added_at, s.reason, {holds} as holds"  # noqa: S608  # no text of theirs
            f" from suppression_suppression s where {sql} order by {order} limit %s offset 0),"
            f" f as materialized (select id, added_at, reason from e s where holds order by {order} limit %s)"
            f" select (select count(*) from e), l.added_at, l.id,"
            f" (select array_agg(id order by {order}) from f s), (select array_agg(reason order by {order}) from f s)"
            f" from (select 1) one left join lateral"
            f" (select added_at, id from e order by {self._last} limit 1) l on true",
            [*(v for _text, values in conditions for v in values), *given, size, self.most - len(self.found)],
        )
        n, added_at, entry_id, ids, reasons = row
        self._take(ids, reasons, Place(added_at, entry_id) if n == size else None)

    def _take(self, ids: Sequence[int] | None, reasons: Sequence[int] | None, place: Place | None) -> None:
        self.found += zip(ids or (), reasons or (), strict=True)
        self.place = place
        self._is_over = place is None or len(self.found) >= self.most

    def _leading(self) -> SQL:
        """What the index begins with, and the place that is reached."""
        sought = self.sought
        text, given = of_list(self.account_id)
        if sought.domain:
            text, given = f"{text} and s.domain = %s", [*given, sought.domain]
        elif sought.covers and sought.covers > 1:
            text = f"{text} and s.covers = {int(sought.covers)}"
        elif sought.reason:
            text = f"{text} and s.reason = {int(sought.reason)}"
        elif sought.origin:
            text = f"{text} and s.origin = {int(sought.origin)}"
        parts, (low, high) = [text], sought.span()
        for sign, moment in ((">=", low), ("<", high)):
            if moment:
                parts.append(f"s.added_at {sign} %s")
                given = [*given, moment]
        if self.place:
            # Both: the index begins at the first, and the second is for those of the same moment.
            parts.append(f"(s.added_at, s.id) {'>' if self.upwards else '<'} (%s, %s)")
            given = [*given, self.place.added_at, self.place.id]
        return " and ".join(parts), given

    @property
    def _order(self) -> str:
        return "s.added_at, s.id" if self.upwards else "s.added_at desc, s.id desc"

    @property
    def _last(self) -> str:
        return "added_at desc, id desc" if self.upwards else "added_at, id"

    # ---- What is rare

    def _follow_lead(self) -> bool:
        """Find all of what is rare by an index of its own; False where there is none, or it has too many."""
        sought = self.sought
        try:
            with at_most(LEAD_MS):
                if sought.member is not None and self._led(
                    "s.id = any(%s)", [ids := self._of_member(sought.member)], is_all=len(ids) <= MOST_LED
                ):
                    return True
                return sought.way == Way.PART and len(sought.text) >= LEAST_LETTERS and self._by_letters()
        except QueryCanceled:
            return False

    def _of_member(self, user_id: int) -> list[int]:
        """Index: suppression_cause_user."""
        with connection.cursor() as cursor:
            cursor.execute(
                "select suppression_id from suppression_cause where user_id = %s limit %s", [user_id, MOST_LED + 1]
            )
            return [entry_id for (entry_id,) in cursor]

    def _by_letters(self) -> bool:
        """Index: suppression_part, of all lists together, so the list is asked in words that no index knows."""
        with connection.cursor() as cursor:
            cursor.execute("set local enable_seqscan = off")
            cursor.execute("set local enable_indexscan = off")
            windows = _windows(self.sought.text)
            cursor.execute(
                f"select s.id from suppression_suppression s where {' and '.join(['s.target like %s'] * len(windows))}"  # noqa: S608
                " and (s.target like %s) is true and (s.account_id is not distinct from %s) limit %s",
                [*map(like, windows), self.sought.like, self.account_id, MOST_LED + 1],
            )
            ids = [entry_id for (entry_id,) in cursor]
            cursor.execute("set local enable_seqscan to default")
            cursor.execute("set local enable_indexscan to default")
        return self._led("s.id = any(%s)", [ids], is_all=len(ids) <= MOST_LED)

    def _led(self, lead: str, given: list[Any], *, is_all: bool = True) -> bool:
        """All that is looked for among those of a lead, sorted, beyond the place that is reached."""
        if not is_all:
            return False
        condition, values = self.sought.sql(self.account_id)
        beyond: SQL = ("true", [])
        if self.place:
            beyond = (
                f"(s.added_at, s.id) {'>' if self.upwards else '<'} (%s, %s)",
                [self.place.added_at, self.place.id],
            )
        with connection.cursor() as cursor:
            cursor.execute(
                f"select s.id, s.reason from suppression_suppression s where {lead} and {condition} and {beyond[0]}"  # noqa: S608
                f" order by {self._order} limit %s",
                [*given, *values, *beyond[1], self.most - len(self.found)],
            )
            found = cursor.fetchall()
        self._take([row[0] for row in found], [row[1] for row in found], None)
        return True


def _windows(text: str) -> list[str]:
    """Of a long text its beginning, middle and end: each trigram more is one more list for the index to go through."""
    if len(text) <= 2 * WINDOW:
        return [text]
    middle = (len(text) - WINDOW) // 2
    return [text[:WINDOW], text[middle : middle + WINDOW], text[-WINDOW:]]


def _row(statement: str, values: list[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone()
        return row

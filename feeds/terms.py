"""What a filter means for one account at one moment: a range of ids, and conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts import origins
from feeds.conditions import (
    SQL,
    Address,
    Argument,
    Code,
    Condition,
    Count,
    Domain,
    Had,
    Id,
    Mark,
    Not,
    OneOf,
    ReasonIs,
    Source,
    Tag,
    Text,
    fold,
)
from feeds.keys import EVENTS, STATUSES
from feeds.models import MAX_ID, id_at

if TYPE_CHECKING:
    from accounts.models import Account
    from feeds.query import Filter, Term

__all__ = [
    "SQL", "Address", "Argument", "Code", "Condition", "Count", "Domain", "Had", "Id", "Mark", "Not", "OneOf",
    "ReasonIs", "Source", "Tag", "Text", "Wanted", "resolve",
]  # fmt: skip

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
SOURCES_NAMED = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """The emails of an account with an id from `low` on and below `high` for which all conditions hold."""

    account_id: int
    low: int
    high: int
    conditions: tuple[Condition, ...] = ()

    def sql(self) -> SQL:
        """All of it over the columns of feeds_email, never NULL. Index: (account_id, id), and what conditions have."""
        text, values = self.conditions_sql()
        return f"account_id = %s and id >= %s and id < %s and {text}", [self.account_id, self.low, self.high, *values]

    def conditions_sql(self) -> SQL:
        """The conditions alone, for statements that are bounded otherwise."""
        parts = [condition.sql() for condition in self.conditions]
        return " and ".join(["true", *(text for text, _values in parts)]), [v for _text, given in parts for v in given]

    def matches(self, email: Any) -> bool:
        """The same for one email in memory."""
        return (
            email.account_id == self.account_id
            and self.low <= email.id < self.high
            and all(condition.matches(email) for condition in self.conditions)
        )

    def settled(self) -> Wanted:
        """Without the conditions whose answer may change: what does not match this never will."""
        return replace(self, conditions=tuple(c for c in self.conditions if not c.can_change))

    def before(self, place: int | None) -> Wanted:
        """Only what stands before this id; None changes nothing."""
        return self if place is None else replace(self, high=min(self.high, place))


def resolve(asked: Filter, account: Account, now: datetime) -> Wanted:
    """What the filter means: times become ids, in the account's zone and as far back as it keeps emails; the names of
    sources and reasons become theirs. Raises Unclear, with the place in the filter, for a source there is none of,
    and for times with nothing between them.

    Costs a query where it names a source, and one for each reason. A later moment or another source may change it.
    """
    low, high, first, end = id_at(account.kept_since(now)), MAX_ID, None, None
    conditions: list[Condition] = []
    for term in asked.terms:
        if term.key not in ("since", "after", "before"):
            condition = _condition(term, account)
            conditions.append(Not(condition) if term.negated else condition)
            continue
        place = _place(term, account, now)
        if (term.key == "before") == term.negated:
            first = max(first or 0, place)
        else:
            end = min(MAX_ID if end is None else end, place)
        if first is not None and end is not None and first >= end:
            raise term.unclear(_("No time is left between “%(text)s” and the other times given.") % {"text": term.text})
    return Wanted(account.id, max(low, first or 0), high if end is None else end, tuple(conditions))


def _place(term: Term, account: Account, now: datetime) -> int:
    """The lowest id of the moment a term names; ids there cannot be are cut to those there can."""
    value = term.values[0]
    if term.key == "since":
        age = UNITS[value[-1]] * int(value[:-1])
        return id_at(now - age) if age < now - datetime(2, 1, 1, tzinfo=UTC) else 0
    moment = datetime.fromisoformat(value)
    return min(id_at(moment if moment.tzinfo else moment.replace(tzinfo=account.zone)), MAX_ID)


def _condition(term: Term, account: Account) -> Condition:
    if term.key == "source":
        return Source(_sources(term, account.id))
    if term.key == "reason":
        return ReasonIs(term.values[0], _reason(term.values[0], account.id))
    return _MADE[term.key](term.values)


_MADE: dict[str, Callable[[tuple[str, ...]], Condition]] = {
    "": lambda values: Address.read("either", values[0]),
    "to": lambda values: Address.read("recipient", values[0]),
    "from": lambda values: Address.read("sender", values[0]),
    "domain": lambda values: Domain(values[0]),
    "subject": lambda values: Text("subject", fold(values[0])),
    "comment": lambda values: Text("comment", fold(values[0])),
    "tag": lambda values: Tag(values[0]),
    "arg": lambda values: Argument(values[0]),
    "id": lambda values: Id(values[0]),
    "status": lambda values: OneOf(tuple(STATUSES[value] for value in values)),
    "event": lambda values: Had(tuple(EVENTS[value] for value in values)),
    "is": Mark,
    "code": lambda values: Code(values[0].removesuffix("*")),
    "opens": lambda values: Count.read("opens", values[0]),
    "clicks": lambda values: Count.read("clicks", values[0]),
}


def _sources(term: Term, account_id: int) -> tuple[int, ...]:
    """The sources of this name; capitals do not matter."""
    name, known = term.values[0], origins.names(account_id)
    ids = tuple(sorted(n for n, one in known.items() if one.casefold() == name.casefold()))
    if ids:
        return ids
    if not known:
        raise term.unclear(_("“%(name)s” is no source: this account has none yet.") % {"name": name[:80]})
    names = ", ".join(sorted(set(known.values()), key=str.casefold)[:SOURCES_NAMED])
    raise term.unclear(
        _("“%(name)s” is no source of this account. Sources are: %(names)s.") % {"name": name[:80], "names": names}
    )


def _reason(text: str, account_id: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("select id from feeds_reason where account_id = %s and text = %s", [account_id, text])
        found = cursor.fetchone()
    return found[0] if found else None

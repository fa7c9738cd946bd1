"""What can lead a search: indexes that give the ids of a condition's emails in order of time, newest first.

A lead may give more emails than its condition holds for, never fewer: whoever follows it checks all conditions.
Negated conditions lead nowhere, and neither do texts in subjects and comments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from feeds.conditions import escaped
from feeds.events import Held, Kind
from feeds.terms import SQL, Address, Argument, Code, Condition, Domain, Had, Id, Mark, OneOf, ReasonIs, Tag, Wanted

# Addresses that one lead goes through; of more than these, the newest emails hold enough to fill a page.
MOST_ADDRESSES = 3_000
MOST_CODES = 100
# Trigrams need three letters.
LEAST_LETTERS, WINDOW = 3, 4
# The kinds in the index feeds_event_rare.
RARE = (Kind.BOUNCED, Kind.UNSUBSCRIBED, Kind.SPAM, Kind.DROPPED, Kind.DEFERRED, Kind.UNKNOWN)
_IS_RARE = f"kind in ({', '.join(str(int(kind)) for kind in RARE)})"
# Whose comment has a reason.
REASONED = (Kind.BOUNCED, Kind.DROPPED, Kind.DEFERRED)


@dataclass(frozen=True, slots=True)
class Index:
    """Rows of one index, in order of time within each key: `column` of `table` is the email's id.

    `where` is the condition that selects the rows, with its values; with `keys` it is asked for each key `k`, of the
    type `kind`. `repeats` is set where an email may come several times.
    """

    table: str
    column: str
    where: str
    values: tuple[Any, ...]
    keys: tuple[Any, ...] | None = None
    kind: str = "bigint"
    repeats: bool = False

    def sql(self, low: int, high: int, most: int) -> SQL:
        """The newest of these ids from `low` on and below `high`, as a column `id`."""
        distinct = "distinct " if self.repeats else ""
        rows = (
            f"(select {distinct}{self.column} as id from {self.table}"  # noqa: S608  # nothing comes from outside
            f" where {self.where} and {self.column} >= {low} and {self.column} < %s order by 1 desc limit %s)"
        )
        values = [*self.values, high, most]
        if self.keys is None:
            return rows, values
        # A thousand numbers in a list take a millisecond to become text, joined they take a tenth of it.
        keys = list(self.keys) if self.kind == "text" else f"{{{','.join(map(str, self.keys))}}}"
        each = f"unnest(%s::{self.kind}[]) k cross join lateral {rows} x"
        return f"(select {distinct}x.id from {each} order by 1 desc limit %s)", [keys, *values, most]  # noqa: S608

    def among(self, ids: str, low: int, high: int) -> SQL:
        """Those of some ids that are here as well, as a column `id`; only without keys. `ids` is SQL for an array of
        them, sorted, from `low` on and below `high`.

        To the index the array is a list of places to go to; whatever lies between them it passes over. So the cost is
        that of the ids given, however many there are here.
        """
        rows = (
            f"(select {self.column} as id from {self.table} where {self.where}"  # noqa: S608  # nothing from outside
            f" and {self.column} >= {low} and {self.column} >= {ids}[1] and {self.column} < %s"
            f" and {self.column} = any({ids}))"
        )
        return rows, [*self.values, high]


@dataclass(frozen=True, slots=True)
class Lead:
    """The ids of all emails that one condition may hold for. Without indexes there are none."""

    condition: Condition
    indexes: tuple[Index, ...]

    @property
    def is_empty(self) -> bool:
        return not self.indexes

    @property
    def keys(self) -> int:
        """How many keys there are to go through, where there are any."""
        return max((len(index.keys or ()) for index in self.indexes), default=0)

    def among(self, ids: str, low: int, high: int) -> SQL:
        """Those of some ids that are here as well, as a column `id`; see `Index.among`."""
        parts = [index.among(ids, low, high) for index in self.indexes]
        return f"({' union all '.join(text for text, _values in parts)})", [v for _text, given in parts for v in given]

    def sql(self, low: int, high: int, most: int) -> SQL:
        """The newest `most` of these ids from `low` on and below `high`, each once, as a column
        `id`."""
        parts = [index.sql(low, high, most) for index in self.indexes]
        if len(parts) == 1:
            return parts[0]
        text = " union ".join(part for part, _values in parts)
        return f"({text} order by 1 desc limit %s)", [*(value for _text, values in parts for value in values), most]


def quick(wanted: Wanted) -> list[Lead]:
    """The leads that are found at once, by an exact word."""
    return [lead for condition in wanted.conditions if (lead := _quick(wanted.account_id, condition))]


def near(wanted: Wanted) -> list[Lead]:
    """The leads of addresses that stand together: those that begin so, or are of one domain."""
    return _searched(wanted, are_together=True)


def thorough(wanted: Wanted) -> list[Lead]:
    """The leads that take a search among all addresses; worth it where the newest emails hold too few."""
    return _searched(wanted, are_together=False)


def _searched(wanted: Wanted, *, are_together: bool) -> list[Lead]:
    asked = [condition for condition in wanted.conditions if _stand_together(condition) == are_together]
    found = ((condition, _addresses(wanted.account_id, condition)) for condition in asked)
    return [_of_addresses(wanted.account_id, condition, ids) for condition, ids in found if ids is not None]


def _stand_together(asked: Condition) -> bool:
    """Whether an index has the addresses in one place."""
    return isinstance(asked, Domain) or (isinstance(asked, Address) and _is_beginning(asked))


def _is_beginning(asked: Address) -> bool:
    return asked.form == "like" and asked.text.find("*") == len(asked.text) - 1 > 0


def _quick(account_id: int, condition: Condition) -> Lead | None:
    make = _QUICK.get(type(condition))
    return make(account_id, condition) if make else None


def _column(statement: str, values: Iterable[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return [row[0] for row in cursor.fetchall()]


def _address(account_id: int, asked: Address) -> Lead | None:
    if asked.form != "is" or not asked.text:
        return None
    ids = _column("select id from feeds_address where account_id = %s and addr = %s", [account_id, asked.text])
    return _of_addresses(account_id, asked, ids)


def _of_addresses(account_id: int, asked: Condition, ids: list[int]) -> Lead:
    """Indexes feeds_email_recipient and feeds_email_sender."""
    if not ids:
        return Lead(asked, ())
    columns = asked.columns if isinstance(asked, Address) else ("recipient",)
    where = "account_id = %s and {0}_id = {1}"
    return Lead(
        asked,
        tuple(
            Index("feeds_email", "id", where.format(column, "%s"), (account_id, ids[0]))
            if len(ids) == 1
            else Index("feeds_email", "id", where.format(column, "k"), (account_id,), tuple(ids))
            for column in columns
        ),
    )


def _tag(account_id: int, asked: Tag) -> Lead | None:
    if not asked.name:
        return None
    ids = _column("select id from feeds_tag where account_id = %s and name = %s", [account_id, asked.name])
    where = "account_id = %s and tag_id = %s"
    return Lead(asked, tuple(Index("feeds_tagged", "email_id", where, (account_id, tag_id)) for tag_id in ids))


def _digest(account_id: int, column: str, text: str) -> Index:
    where = f"account_id = %s and {column} <> '' and hashtextextended({column}, 0) = hashtextextended(%s, 0)"
    return Index("feeds_email", "id", where, (account_id, text))


def _argument(account_id: int, asked: Argument) -> Lead | None:
    return Lead(asked, (_digest(account_id, "argument", asked.text),)) if asked.text else None


def _id(account_id: int, asked: Id) -> Lead:
    indexes = [
        _digest(account_id, "message_id", asked.text),
        _digest(account_id, "message_id", f"<{asked.text}>"),
        _digest(account_id, "header_id", asked.text),
    ]
    if asked.number is not None:
        indexes.append(Index("feeds_email", "id", "account_id = %s and id = %s", (account_id, asked.number)))
    return Lead(asked, tuple(indexes))


def _events(account_id: int, kinds: Iterable[Kind]) -> tuple[Index, ...]:
    """An index for each of these kinds; an email may have had several events of one."""
    where = f"account_id = %s and kind = %s and {_IS_RARE}"
    return tuple(
        Index("feeds_event", "email_id", where, (account_id, int(kind)), repeats=True) for kind in dict.fromkeys(kinds)
    )


def _one_of(account_id: int, asked: OneOf) -> Lead | None:
    """An email of such a status had such an event."""
    kinds = [Kind(status) for status in asked.statuses]
    return Lead(asked, _events(account_id, kinds)) if set(kinds) <= set(RARE) else None


def _had(account_id: int, asked: Had) -> Lead | None:
    return Lead(asked, _events(account_id, asked.kinds)) if set(asked.kinds) <= set(RARE) else None


def _mark(account_id: int, asked: Mark) -> Lead | None:
    made = {
        "retrying": _events(account_id, [Kind.DEFERRED]),
        "unknown": _events(account_id, [Kind.UNKNOWN]),
        "held": (Index("feeds_email", "id", f"account_id = %s and held <> {Held.NO}", (account_id,)),),
        "orphan": (Index("feeds_email", "id", "account_id = %s and message_id = ''", (account_id,)),),
    }
    if not set(asked.names) <= set(made):
        return None
    return Lead(asked, tuple(index for name in asked.names for index in made[name]))


def _code(account_id: int, asked: Code) -> Lead | None:
    """Index feeds_event_code; codes of success are not in it."""
    if asked.text < "4":
        return None
    codes = _codes(account_id, asked.text) if asked.is_beginning else [asked.text]
    if len(codes) > MOST_CODES:
        return None
    if not codes:
        return Lead(asked, ())
    where = "account_id = %s and code >= '4' and code = k"
    return Lead(asked, (Index("feeds_event", "email_id", where, (account_id,), tuple(codes), "text", repeats=True),))


def _codes(account_id: int, beginning: str) -> list[str]:
    """The codes there are that begin with this, which ends in a dot: from one to the next by the index."""
    following = (
        "(select code from feeds_event where account_id = %s and code >= '4' and code {} and code ~<~ %s"
        " order by code using ~<~ limit 1)"
    )
    first, others = following.format("~>=~ %s"), following.format("~>~ c.code")
    end = f"{beginning[:-1]}/"  # a slash follows the dot
    return _column(
        f"with recursive c (code, n) as (select {first}, 1 union all"  # noqa: S608
        f" select {others}, n + 1 from c where code is not null and n <= %s) select code from c where code is not null",
        [account_id, beginning, end, account_id, end, MOST_CODES],
    )


def _reason(account_id: int, asked: ReasonIs) -> Lead:
    return Lead(asked, _events(account_id, REASONED) if asked.reason_id is not None else ())


_QUICK: dict[type, Callable[[int, Any], Lead | None]] = {
    Address: _address,
    Tag: _tag,
    Argument: _argument,
    Id: _id,
    OneOf: _one_of,
    Had: _had,
    Mark: _mark,
    Code: _code,
    ReasonIs: _reason,
}


NO_MORE: SQL = ("true", [])


def _addresses(account_id: int, asked: Condition) -> list[int] | None:
    """The addresses a condition holds for; None where it is not about addresses, or holds for too many."""
    if isinstance(asked, Domain):
        ways, checked = [_among("=", asked.name)], NO_MORE
    elif isinstance(asked, Address) and asked.form != "is":
        ways, checked = _ways(asked), ("addr like %s", [asked.pattern])
    else:
        return None
    if not ways:
        return None
    most = MOST_ADDRESSES + 1
    branch = f"(select id from feeds_address where account_id = %s and {{}} and {checked[0]} limit %s)"  # noqa: S608
    ids = _column(
        " union ".join(branch.format(where) for where, _values in ways),
        [value for _where, values in ways for value in (account_id, *values, *checked[1], most)],
    )
    return ids if len(ids) <= MOST_ADDRESSES else None


def _among(sign: str, name: str) -> SQL:
    return f"domain_id = any(array(select id from feeds_domain where name {sign} %s))", [name]  # noqa: S608


def _like(parts: Sequence[str]) -> str:
    """What LIKE takes for these parts with any letters between them."""
    return "%".join(escaped(part) for part in parts)


def _ways(asked: Address) -> list[SQL]:
    """Conditions on feeds_address of which each address like this one meets one; none where no index helps."""
    if _is_beginning(asked):
        return [NO_MORE]
    parts = ["", asked.text, ""] if asked.form == "has" else asked.text.split("*")
    at = max((n for n, part in enumerate(parts) if "@" in part), default=None)
    if at is None:
        return _ways_of_piece(parts)
    before, _at, after = parts[at].rpartition("@")
    local, domain = [*parts[:at], before], [after, *parts[at + 1 :]]
    among = _among("like", _like(domain)) if len(domain) > 1 else _among("=", after)
    ways = [(f"local like %s and {among[0]}", [_like(local), *among[1]]) if any(local) else among]
    if len(domain) > 1:
        # A local part may have an @ of its own.
        ways.append(("local like %s", [f"{_like(local)}@{escaped(after)}%"]))
    return ways


def _ways_of_piece(parts: Sequence[str]) -> list[SQL]:
    """The same without an @: a piece stands either in the local part or in the domain."""
    if parts[0]:
        return [("addr like %s", [_like((parts[0], ""))])]
    longest = max(parts, key=len)
    if len(longest) < LEAST_LETTERS:
        return []
    if longest is parts[-1]:
        return [_among("like", _like(("", longest)))]
    return [_with(longest), _among("like", _like(("", longest, "")))]


def _with(piece: str) -> SQL:
    """A local part that holds this piece; of a long one its beginning, middle and end are enough. Each trigram more is
    one more list for the index to go through: measured, this takes a half to a tenth of the whole piece's time."""
    middle = (len(piece) - WINDOW) // 2
    windows = [piece[:WINDOW], piece[middle : middle + WINDOW], piece[-WINDOW:]] if len(piece) > 2 * WINDOW else [piece]
    return " and ".join(["local like %s"] * len(windows)), [_like(("", window, "")) for window in windows]

"""The conditions filters are made of: SQL over the columns of feeds_email, and the same in memory for one email.

Both must agree on every email, whatever its letters: search and export ask the database, the live stream asks here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from feeds.events import Held, Kind, Status
from feeds.models import MAX_ID
from feeds.staging import FIRST_TIMES
from feeds.values import is_whole

type SQL = tuple[str, list[Any]]


class Condition(Protocol):
    """Something that holds for an email or does not.

    `can_change` is false where every email keeps its answer for good, whatever events still come. Sender, subject,
    argument, tags and Message-ID header can: a later event may be the first to bring them, and of two the larger stays.
    """

    @property
    def can_change(self) -> bool: ...

    def sql(self) -> SQL:
        """A boolean over the columns of feeds_email, never NULL, and its values; it needs no parentheses around it."""
        ...

    def matches(self, email: Any) -> bool:
        """The same of anything with the attributes of feeds.models.Email."""
        ...


# PostgreSQL's collation pg_c_utf8 lowers letter by letter, the same on every system, by the tables of Unicode 16.
# Python's lower() knows contexts and Unicode 15; this makes up for what differs (all of it: see the test).
_FOLDED = {0x3A3: 0x3C3, 0x130: 0x69, 0x1C89: 0x1C8A, 0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7DA: 0xA7DB, 0xA7DC: 0x19B}
_FOLDED |= {capital: capital + 0x20 for capital in range(0x10D50, 0x10D66)}


def fold(text: str) -> str:
    """The text in lower case, as `lower(... collate "pg_c_utf8")` of PostgreSQL 18 has it."""
    return text.lower() if text.isascii() else text.translate(_FOLDED).lower()


def escaped(text: str) -> str:
    r"""For LIKE: the text with %, _ and \ as plain letters."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def fits(text: str, parts: tuple[str, ...]) -> bool:
    """Whether these parts stand in the text in this order, the first at its beginning and the last at its end."""
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _any(parts: Iterable[str]) -> str:
    return f"({' or '.join(parts)})"


@dataclass(frozen=True, slots=True)
class Address:
    """Sender or recipient, or either of them (`side`), is `text`, contains it, or is like it (`*`: any letters).

    The text is in lower case, as they are.
    """

    side: str  # "sender", "recipient" or "either"
    text: str
    form: str  # "is", "has" or "like"

    @classmethod
    def read(cls, side: str, text: str) -> Address:
        form = "like" if "*" in text else "is" if is_whole(text) or not text else "has"
        return cls(side, text, form)

    @property
    def columns(self) -> tuple[str, ...]:
        return ("recipient", "sender") if self.side == "either" else (self.side,)

    @property
    def can_change(self) -> bool:
        return self.side != "recipient"

    @property
    def pattern(self) -> str:
        """What LIKE takes for it."""
        if self.form == "has":
            return f"%{escaped(self.text)}%"
        return "%".join(escaped(part) for part in self.text.split("*"))

    def sql(self) -> SQL:
        sign, value = ("=", self.text) if self.form == "is" else ("like", self.pattern)
        return _any(f"{column} {sign} %s" for column in self.columns), [value] * len(self.columns)

    def matches(self, email: Any) -> bool:
        return any(self._holds(getattr(email, column)) for column in self.columns)

    def _holds(self, address: str) -> bool:
        if self.form == "is":
            return address == self.text
        return self.text in address if self.form == "has" else fits(address, tuple(self.text.split("*")))


@dataclass(frozen=True, slots=True)
class Domain:
    """What stands behind the recipient's last @ is this; the whole of it, where it has none (as in feeds_domain)."""

    name: str
    can_change: ClassVar[bool] = False

    def sql(self) -> SQL:
        return "(recipient = %s or recipient like %s)", [self.name, f"%@{escaped(self.name)}"]

    def matches(self, email: Any) -> bool:
        return bool(email.recipient.rpartition("@")[2] == self.name)


@dataclass(frozen=True, slots=True)
class Text:
    """Subject or comment contain this, in capitals or not. An empty text: they are empty."""

    column: str  # "subject" or "comment"
    text: str  # folded
    can_change: ClassVar[bool] = True

    def sql(self) -> SQL:
        if not self.text:
            return f"({self.column} = '')", []
        return f'(strpos(lower({self.column} collate "pg_c_utf8"), %s) > 0)', [self.text]

    def matches(self, email: Any) -> bool:
        value = getattr(email, self.column)
        return self.text in fold(value) if self.text else not value


@dataclass(frozen=True, slots=True)
class OneOf:
    """The status is one of these."""

    statuses: tuple[Status, ...]
    can_change: ClassVar[bool] = True

    def sql(self) -> SQL:
        return "(status = any(%s::smallint[]))", [[int(status) for status in self.statuses]]

    def matches(self, email: Any) -> bool:
        return email.status in self.statuses


@dataclass(frozen=True, slots=True)
class Had:
    """It had an event of one of these kinds."""

    kinds: tuple[Kind, ...]
    can_change: ClassVar[bool] = True

    def sql(self) -> SQL:
        parts = [f"{FIRST_TIMES[kind]} is not null" if kind in FIRST_TIMES else "unknowns > 0" for kind in self.kinds]
        return _any(parts), []

    def matches(self, email: Any) -> bool:
        return any(
            getattr(email, FIRST_TIMES[kind]) is not None if kind in FIRST_TIMES else email.unknowns > 0
            for kind in self.kinds
        )


_MARKS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "retrying": (
        f"(deferrals > 0 and status <= {Status.SENT})",
        lambda email: email.deferrals > 0 and email.status <= Status.SENT,
    ),
    "held": (
        f"(held <> {Held.NO} and status = {Status.PROCESSED})",
        lambda email: email.held != Held.NO and email.status == Status.PROCESSED,
    ),
    "machine": (
        "(machine_opens > 0 or machine_clicks > 0)",
        lambda email: email.machine_opens > 0 or email.machine_clicks > 0,
    ),
    "orphan": ("message_id = ''", lambda email: not email.message_id),
    "test": ("is_test", lambda email: email.is_test),
    "late": ("is_late", lambda email: email.is_late),
    "unknown": ("unknowns > 0", lambda email: email.unknowns > 0),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """It bears one of these marks (feeds.keys.MARKS)."""

    names: tuple[str, ...]

    @property
    def can_change(self) -> bool:
        return self.names != ("orphan",)

    def sql(self) -> SQL:
        return _any(_MARKS[name][0] for name in self.names), []

    def matches(self, email: Any) -> bool:
        return any(_MARKS[name][1](email) for name in self.names)


_COMPARED = {"=": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@dataclass(frozen=True, slots=True)
class Count:
    """So many times people opened it, or clicked."""

    column: str  # "opens" or "clicks"
    sign: str
    number: int
    can_change: ClassVar[bool] = True

    @classmethod
    def read(cls, column: str, text: str) -> Count:
        digits = text.lstrip("<>=")
        return cls(column, text.removesuffix(digits) or "=", int(digits))

    def sql(self) -> SQL:
        return f"({self.column} {self.sign} %s)", [self.number]

    def matches(self, email: Any) -> bool:
        return bool(_COMPARED[self.sign](getattr(email, self.column), self.number))


@dataclass(frozen=True, slots=True)
class Tag:
    """It has this tag, letter by letter. An empty one: it has none."""

    name: str
    can_change: ClassVar[bool] = True

    def sql(self) -> SQL:
        return ("(%s = any(tags))", [self.name]) if self.name else ("(cardinality(tags) = 0)", [])

    def matches(self, email: Any) -> bool:
        return self.name in email.tags if self.name else not email.tags


@dataclass(frozen=True, slots=True)
class Argument:
    """The sender's argument is this, letter by letter. Index: feeds_email_argument."""

    text: str
    can_change: ClassVar[bool] = True

    def sql(self) -> SQL:
        if not self.text:
            return "(argument = '')", []
        return _hashed("argument"), [self.text, self.text]

    def matches(self, email: Any) -> bool:
        return bool(email.argument == self.text)


def _hashed(column: str) -> str:
    """The column is the text, as the indexes of digests are made; the text is given twice."""
    return f"({column} <> '' and hashtextextended({column}, 0) = hashtextextended(%s, 0) and {column} = %s)"


@dataclass(frozen=True, slots=True)
class Id:
    """Our id, the provider's message id (which some keep in angle brackets), or the Message-ID header is this.

    Indexes: the primary key, feeds_email_message and feeds_email_header.
    """

    text: str
    can_change: ClassVar[bool] = True

    @property
    def number(self) -> int | None:
        """Our id, where it can be one."""
        is_number = self.text.isascii() and self.text.isdigit() and len(self.text) < 20
        return int(self.text) if is_number and int(self.text) <= MAX_ID else None

    def sql(self) -> SQL:
        parts = [_hashed("message_id"), _hashed("message_id"), _hashed("header_id")]
        enclosed = f"<{self.text}>"
        texts: list[Any] = [self.text, self.text, enclosed, enclosed, self.text, self.text]
        if self.number is None:
            return _any(parts), texts
        return _any(["id = %s", *parts]), [self.number, *texts]

    def matches(self, email: Any) -> bool:
        return (
            email.id == self.number or email.message_id in (self.text, f"<{self.text}>") or email.header_id == self.text
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Its events come from one of these."""

    ids: tuple[int, ...]
    can_change: ClassVar[bool] = False

    def sql(self) -> SQL:
        return "(source_id = any(%s::int[]))", [list(self.ids)]

    def matches(self, email: Any) -> bool:
        return email.source_id in self.ids


@dataclass(frozen=True, slots=True)
class Code:
    """The status code of its comment is this, or begins with it component by component."""

    text: str  # with a dot at its end where it is a beginning
    can_change: ClassVar[bool] = True

    @property
    def is_beginning(self) -> bool:
        return self.text.endswith(".")

    def sql(self) -> SQL:
        return ("(code like %s)", [f"{escaped(self.text)}%"]) if self.is_beginning else ("(code = %s)", [self.text])

    def matches(self, email: Any) -> bool:
        return bool(email.code.startswith(self.text) if self.is_beginning else email.code == self.text)


@dataclass(frozen=True, slots=True)
class ReasonIs:
    """The normalised reply of its comment is this. `reason_id` is None while no email of the account has it."""

    text: str
    reason_id: int | None
    can_change: ClassVar[bool] = True

    def sql(self) -> SQL:
        if self.reason_id is None:
            return "false", []
        return "(reason_id is not null and reason_id = %s)", [self.reason_id]

    def matches(self, email: Any) -> bool:
        return self.reason_id is not None and email.reason_id == self.reason_id


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    condition: Condition

    @property
    def can_change(self) -> bool:
        return self.condition.can_change

    def sql(self) -> SQL:
        text, given = self.condition.sql()
        return f"(not {text})", given

    def matches(self, email: Any) -> bool:
        return not self.condition.matches(email)

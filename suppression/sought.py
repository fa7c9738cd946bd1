"""What somebody looks for in a list: the same for its page, its counts and its file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from suppression import targets
from suppression.models import Covers, Origin, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from suppression.targets import Target

type SQL = tuple[str, list[Any]]
LONGEST = targets.LONGEST
# The addresses of pages say a part so, where the text alone would be read as an address or a domain.
PART = "part"


class Way(Enum):
    """How the text in the box is read."""

    NONE = "none"
    # One whole address: its entry, and those of domains and patterns that cover it.
    ADDRESS = "address"
    # @example.com: all that is at this domain.
    DOMAIN = "domain"
    PART = PART


class Unclear(ValueError):
    """It cannot be looked for; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sought:
    """The entries that are looked for. `days` are the first and last on which they came on the list, in the active
    time zone; `member` is the id of a person who is among those who put them there."""

    text: str = ""
    is_part: bool = False
    reason: Reason | None = None
    covers: Covers | None = None
    origin: Origin | None = None
    member: int | None = None
    days: tuple[date | None, date | None] = (None, None)
    target: Target | None = field(default=None, compare=False)

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Sought:
        """As the address of a page says it. Raises Unclear."""
        text = " ".join(params.get("q", "").replace("\0", "").split()).lower()
        if len(text) > LONGEST:
            raise Unclear(_("No address is that long. Search for a part of it."))
        is_part = params.get("how") == PART
        by, member = params.get("by", ""), None
        if by.startswith("u"):
            by, member = "", _number(by[1:])
        days = _day(params.get("since", "")), _day(params.get("until", ""))
        if days[0] and days[1] and days[1] < days[0]:
            raise Unclear(_("The first day is after the last one. Change one of them."))
        return cls(
            text, is_part, _choice(Reason, params.get("reason", "")), _choice(Covers, params.get("covers", "")),
            _choice(Origin, by), member, days, None if is_part or "@" not in text else _target(text),
        )  # fmt: skip

    @property
    def way(self) -> Way:
        if not self.text:
            return Way.NONE
        if self.target is None or self.target.covers == Covers.PATTERN:
            return Way.PART
        return Way.ADDRESS if self.target.covers == Covers.ADDRESS else Way.DOMAIN

    @property
    def domain(self) -> str:
        return self.target.domain if self.target and self.way == Way.DOMAIN else ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is asked for but perhaps a reason: then the tally knows how many there are."""
        return replace(self, reason=None) == Sought()

    @property
    def by(self) -> str:
        """Who added them, as addresses say it."""
        return f"u{self.member}" if self.member is not None else self.origin.name.lower() if self.origin else ""

    def params(self, **changed: str) -> dict[str, str]:
        """What `read` makes the same of, with some of it changed."""
        since, until = self.days
        said = {
            "q": self.text,
            "how": PART if self.is_part else "",
            "reason": self.reason.name.lower() if self.reason else "",
            "covers": self.covers.name.lower() if self.covers else "",
            "by": self.by,
            "since": since.isoformat() if since else "",
            "until": until.isoformat() if until else "",
        } | changed
        return {name: value for name, value in said.items() if value}

    def with_reason(self, reason: Reason | None) -> Sought:
        return replace(self, reason=reason, target=self.target)

    def span(self) -> tuple[datetime | None, datetime | None]:
        """From when on, and before when, they came on the list."""
        first, last = self.days
        after_last = last + timedelta(days=1) if last and last < date.max else None
        return _midnight(first), _midnight(after_last)

    def conditions(self, account_id: int | None) -> Iterator[SQL]:
        """All of it but the reason and the time, each on an entry `s` of the list."""
        if self.way == Way.ADDRESS and self.target:
            yield _covering(account_id, self.target)
        elif self.domain:
            yield "s.domain = %s", [self.domain]
        elif self.way == Way.PART:
            yield "s.target like %s", [self.like]
        if self.covers:
            yield "s.covers = %s", [int(self.covers)]
        if self.origin:
            yield "s.origin = %s", [int(self.origin)]
        if self.member is not None:
            yield (
                "exists (select from suppression_cause c where c.suppression_id = s.id and c.user_id = %s)",
                [self.member],
            )

    @property
    def like(self) -> str:
        return like(self.text)

    def sql(self, account_id: int | None) -> SQL:
        """All of it as one condition, that of the list itself included."""
        found = [of_list(account_id), *self.conditions(account_id)]
        if self.reason:
            found.append(("s.reason = %s", [int(self.reason)]))
        for sign, moment in zip((">=", "<"), self.span(), strict=True):
            if moment:
                found.append((f"s.added_at {sign} %s", [moment]))
        return " and ".join(text for text, _values in found), [value for _text, given in found for value in given]


def like(part: str) -> str:
    """The pattern of all that holds this part."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def of_list(account_id: int | None) -> SQL:
    return ("s.account_id is null", []) if account_id is None else ("s.account_id = %s", [account_id])


def _covering(account_id: int | None, target: Target) -> SQL:
    """The few entries that cover one address. Indexes: suppression_one_per_reason, suppression_patterns."""
    (ours, given), spelt = of_list(account_id), list(targets.covering(target))
    as_like = r"replace(replace(replace(replace(s.target, '\', '\\'), '%%', '\%%'), '_', '\_'), '*', '%%')"
    exactly = f"select s.id from suppression_suppression s where {ours} and s.target = any(%s)"  # noqa: S608
    by_pattern = f"select s.id from suppression_suppression s where {ours} and s.covers = 4 and %s like {as_like}"  # noqa: S608
    return f"s.id = any(array({exactly} union all {by_pattern}))", [*given, spelt, *given, target.text]


def _target(text: str) -> Target | None:
    try:
        return targets.read(text)
    except targets.NotATarget:
        return None


def _choice[C: (Reason, Covers, Origin)](among: type[C], given: str) -> C | None:
    if not given:
        return None
    try:
        return among[given.upper()]
    except KeyError:
        raise Unclear(_("“%(text)s” cannot be chosen here.") % {"text": given[:50]}) from None


def _number(given: str) -> int:
    if not given.isascii() or not given.isdecimal() or len(given) > 9:
        raise Unclear(_("“%(text)s” cannot be chosen here.") % {"text": given[:50]})
    return int(given)


def _day(given: str) -> date | None:
    try:
        found = parse_date(given) if given else None
    except ValueError:
        found = None
    if given and found is None:
        raise Unclear(_("“%(text)s” is no day. Write it as in 2026-03-31.") % {"text": given[:50]})
    return found


def _midnight(day: date | None) -> datetime | None:
    if day is None:
        return None
    try:
        return datetime.combine(day, time.min, timezone.get_current_timezone()).astimezone(UTC)
    except OverflowError:
        return None

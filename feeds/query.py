"""What somebody asks the feed for: one filter, read from an address, and written back into one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from feeds.events import Status

if TYPE_CHECKING:
    from django.http import QueryDict

LONGEST = 320


class Unclear(Exception):
    """Something in the filter cannot be understood. The text says what, in a sentence for a person."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Filter:
    """Emails whose sender or recipient contains `text` (or is it, where it is a whole address), with one of
    `statuses` (none: any), that stand in the feed between the days `since` and `until`, both included, in the
    account's time zone.
    """

    text: str = ""
    statuses: tuple[Status, ...] = ()
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, params: QueryDict) -> Filter:
        """The filter an address asks for: `q`, `status` (several), `since`, `until`. Raises Unclear."""
        text = " ".join(params.get("q", "").split()).lower()
        if len(text) > LONGEST:
            raise Unclear("q", _("An address has at most %(n)d letters. Search for a part of it.") % {"n": LONGEST})
        if "\0" in text:
            raise Unclear("q", _("This search holds a character no address has."))
        since, until = (_day(name, params.get(name, "")) for name in ("since", "until"))
        if since and until and since > until:
            raise Unclear("until", _("The last day is before the first one. Swap them."))
        return cls(text, tuple(sorted({_status(word) for word in params.getlist("status") if word})), since, until)

    def params(self) -> list[tuple[str, str]]:
        """The same filter as parameters of an address, always in the same order."""
        pairs = [("q", self.text)] if self.text else []
        pairs += [("status", status.name.lower()) for status in self.statuses]
        pairs += [(name, day.isoformat()) for name, day in (("since", self.since), ("until", self.until)) if day]
        return pairs

    @property
    def is_empty(self) -> bool:
        """Whether it lets every email pass."""
        return not self.params()

    @property
    def address(self) -> str:
        """The whole address searched for, or "" where the text is only a part of one."""
        local, at, domain = self.text.rpartition("@")
        return self.text if at and local and "." in domain.strip(".") and " " not in self.text else ""


def _status(word: str) -> Status:
    try:
        return Status[word.upper()]
    except KeyError:
        known = ", ".join(status.name.lower() for status in Status)
        raise Unclear(
            "status", _("“%(word)s” is no status. Statuses are: %(known)s.") % {"word": word[:40], "known": known}
        ) from None


def _day(field: str, text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unclear(field, _("“%(text)s” is not a day. Write it as 2026-03-31.") % {"text": text[:40]}) from None

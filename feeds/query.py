"""The query language: what somebody asks the feed for, read from an address or a box, and written back into them.

A query is a list of terms that must all hold: bare words and `key:value`, each negated by a leading minus sign.
`feeds/keys.py` has the keys, `feeds/values.py` what may stand behind them, `feeds/terms.py` what they mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from feeds import lexer
from feeds.keys import BY_NAME, STATUSES
from feeds.lexer import LONGEST, Unclear, Word
from feeds.values import READERS, day, is_day, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import QueryDict

    from feeds.events import Status

__all__ = ["LONGEST", "MOST_TERMS", "Filter", "Term", "Unclear"]

MOST_TERMS = 40
# Of these, two that must both hold are a slip.
_ONCE = ("status", "since", "after", "before")
# A whole address pasted with the name before it.
_PASTED = re.compile(r"""\s*(?![\s-])[^<>:]*(<[^<>\s@]+@[^<>\s@]+>)\s*[,;]?\s*""")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition as it is written: `key` is "" for a bare word. Several values: any of them.

    `start` and `end` are where it was read from, and no part of what it says.
    """

    key: str
    values: tuple[str, ...]
    negated: bool = False
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    @property
    def text(self) -> str:
        """The term as it is written."""
        value = ",".join(lexer.written(self.key, value) for value in self.values)
        return f"{'-' if self.negated else ''}{self.key}{':' if self.key else ''}{value}"

    def unclear(self, sentence: str) -> Unclear:
        """A mistake about this term."""
        return Unclear(sentence, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Filter:
    """The emails for which all of these terms hold; without any, every email."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Filter:
        """The filter this text asks for. Raises Unclear, and nothing else. `parse(f.text) == f`."""
        text = lexer.smooth(text)
        if pasted := _PASTED.fullmatch(text):
            text = " " * pasted.start(1) + pasted[1]
        terms: dict[Term, Term] = {}
        for piece in lexer.pieces(text):
            term = _term(piece)
            if len(terms) == MOST_TERMS:
                raise term.unclear(_("A search can have %(n)d terms at the most. Leave some out.") % {"n": MOST_TERMS})
            terms.setdefault(term, term)
        made = cls(tuple(terms))
        made._check()
        return made

    @classmethod
    def read(cls, params: QueryDict) -> Filter:
        """The filter an address or the form asks for. Raises Unclear.

        `q` is the text. The controls beside the box are `status` (several), `since` or `after` (the first day),
        `until` (the last day) or `before` (the day after it), and `was`: the text their state was drawn from. A control
        that says something else than `was` did was touched by the person, and replaces what the text says of it.
        Without `was`, as in an address, a control counts where it is given. A `before` that is no day says where a
        page of the list begins, and is not ours.
        """
        asked = cls.parse(params.get("q", ""))
        shown = cls._shown(params.get("was", ""))
        statuses = sorted({_status(word) for word in params.getlist("status") if word})
        if tuple(statuses) != shown.statuses and (statuses or "was" in params):
            asked = asked.replaced("status", *(status.name.lower() for status in statuses))
        first, end = shown.days
        for name, was, shift in (("since", first, 0), ("after", first, 0), ("until", end, 1), ("before", end, 0)):
            given = params.get(name, "")
            if name not in params or (name == "before" and given and not is_day(given)):
                continue
            wanted = _day(name, given, shift)
            if wanted != was:
                key = "before" if name in ("until", "before") else "after"
                asked = asked.without("since") if key == "after" else asked
                asked = asked.replaced(key, *([wanted.isoformat()] if wanted else []))
        if not asked._is_span():
            raise Unclear(_("The last day is before the first one. Swap them."), field="until")
        asked._check()
        return asked

    @property
    def text(self) -> str:
        """The filter as text, always written in the same way."""
        return " ".join(term.text for term in self.terms)

    def params(self) -> list[tuple[str, str]]:
        """The filter as parameters of an address."""
        return [("q", self.text)] if self.terms else []

    @property
    def is_empty(self) -> bool:
        """Whether it lets every email pass."""
        return not self.terms

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The statuses it asks for, by rank; none where it does not ask for any."""
        return tuple(sorted(STATUSES[value] for value in self._plain("status")))

    @property
    def days(self) -> tuple[date | None, date | None]:
        """The first day it asks for, and the day after the last one."""
        after, before = (datetime.fromisoformat(value) if value else None for value in self._span())
        if before and before.time() != time.min:
            before = min(before, datetime.max.replace(tzinfo=before.tzinfo) - timedelta(days=1)) + timedelta(days=1)
        return after.date() if after else None, before.date() if before else None

    @property
    def last_day(self) -> date | None:
        """The last day it asks for."""
        end = self.days[1]
        return end - timedelta(days=1) if end and end > date.min else None

    def without(self, key: str) -> Filter:
        """The same filter without the terms of this key."""
        return Filter(tuple(term for term in self.terms if term.key != key))

    def replaced(self, key: str, *words: str) -> Filter:
        """The same filter with these values in place of the terms of this key. No values: without them."""
        if not words:
            return self.without(key)
        at = next((n for n, term in enumerate(self.terms) if term.key == key), len(self.terms))
        before, after = Filter(self.terms[:at]), Filter(self.terms[at:])
        return Filter((*before.terms, Term(key, words), *after.without(key).terms))

    def _plain(self, key: str) -> tuple[str, ...]:
        return next((term.values for term in self.terms if term.key == key and not term.negated), ())

    @classmethod
    def _shown(cls, text: str) -> Filter:
        try:
            return cls.parse(text)
        except Unclear:
            return cls()

    def _span(self) -> tuple[str, str]:
        return "".join(self._plain("after")), "".join(self._plain("before"))

    def _is_span(self) -> bool:
        """Whether there is time between its days; unknown, so true, where one is of the account's zone alone."""
        after, before = (datetime.fromisoformat(value) if value else None for value in self._span())
        return not after or not before or (after.tzinfo is None) != (before.tzinfo is None) or after < before

    def _check(self) -> None:
        """Raise Unclear where terms cannot hold together, or the whole would not fit into an address."""
        plain: dict[str, Term] = {}
        for term in self.terms:
            if term.key in _ONCE and not term.negated:
                if term.key in plain:
                    raise term.unclear(_twice(term.key, [*plain[term.key].values, *term.values]))
                plain[term.key] = term
        if not self._is_span():
            raise plain["before"].unclear(
                _("“%(after)s” is not before “%(before)s”, so nothing can be found. Swap or change them.")
                % {"after": plain["after"].values[0], "before": plain["before"].values[0]}
            )
        if len(self.text) > LONGEST:
            raise Unclear(lexer.too_long())


def _term(piece: lexer.Piece) -> Term:
    read = READERS[piece.key]
    words = dict.fromkeys(read(word) for word in piece.words)
    known = BY_NAME[piece.key].words if piece.key else {}
    ordered = [name for name in known if name in words] if known else list(words)
    return Term(piece.key, tuple(ordered), piece.negated, piece.start, piece.end)


def _twice(key: str, given: Iterable[str]) -> str:
    if key == "status":
        return _("“status:” stands here twice, and no email has two. Write status:%(all)s for any of them.") % {
            "all": ",".join(dict.fromkeys(given))
        }
    return _("“%(key)s:” stands here twice. Remove one of them.") % {"key": key}


def _status(name: str) -> Status:
    try:
        return STATUSES[one_of("status")(Word(name))]
    except Unclear as error:
        raise Unclear(error.sentence, field="status") from None


def _day(control: str, text: str, shift: int) -> date | None:
    """The day a control holds, so many days later."""
    try:
        found = day(text)
        return found + timedelta(days=shift) if found else None
    except (ValueError, OverflowError):
        raise Unclear(
            _("“%(text)s” is not a day. Write it as 2026-03-31.") % {"text": text[:40]}, field=control
        ) from None

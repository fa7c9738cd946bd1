"""What a line of the file says: who must not be mailed, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from suppression import causes, targets
from suppression.imports import values
from suppression.imports.lines import Records
from suppression.imports.models import Meaning
from suppression.models import Covers, Reason, Suppression

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import BinaryIO

    from suppression.imports.models import Import
    from suppression.targets import Target

LONGEST_NOTE = 1000


class Bad(ValueError):
    """Nothing can be made of this line; the text says why, in a sentence."""


class Line(NamedTuple):
    """What a line says: a target, why it must not be mailed, since when, until when (None: for ever)."""

    target: Target
    reason: Reason
    at: datetime
    until: datetime | None = None
    comment: str = ""
    note: str = ""

    def merged(self, other: Line) -> Line:
        """The same target for the same reason, told twice: since the earliest, until the latest."""
        until = max(self.until, other.until) if self.until and other.until else None
        first = min(self, other, key=lambda line: line.at)
        return first._replace(until=until, comment=self.comment or other.comment, note=self.note or other.note)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is left out: its number in the file, as it reads there, and why."""

    number: int
    text: str
    problem: str


@dataclass(slots=True)
class Batch:
    """What some lines say, each target with a reason once, read from `begin` on. `place` and `line` are behind them,
    `taken` is how many they are. `rows` are the lines as they go to the database, and instead of them."""

    begin: int
    place: int = 0
    line: int = 0
    taken: int = 0
    lines: dict[tuple[str, int], Line] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    rows: str = ""

    def add(self, line: Line | BadLine) -> None:
        self.taken += 1
        if isinstance(line, BadLine):
            self.bad.append(line)
        else:
            key = (line.target.text, line.reason)
            self.lines[key] = line if key not in self.lines else self.lines[key].merged(line)


class Reader:
    """Reads the lines of one import, as its settings say. `now`: no line is of later than that. Once it is made it
    asks the database for nothing."""

    def __init__(self, job: Import, now: datetime) -> None:
        self.job = job
        self.now = now
        self.zone = job.account.zone if job.account else ZoneInfo(settings.TIME_ZONE)
        self.reason = Reason(job.reason)
        self._patterns: set[str] = self._known_patterns() if job.takes_domains else set()
        self.target, self.why, self.at, self.until, self.note, self.comment = (
            job.columns.index(meaning) if meaning in job.columns else -1
            for meaning in (
                Meaning.TARGET, Meaning.REASON, Meaning.AT, Meaning.UNTIL, Meaning.NOTE, Meaning.COMMENT,
            )
        )  # fmt: skip

    def lines(self, file: BinaryIO) -> Iterator[Line | BadLine]:
        """What each line of the file says."""
        return self._lines(Records(file, self.job.encoding, self.job.delimiter), 0)

    def batch(self, file: BinaryIO, place: int, line: int, most: int) -> Batch:
        """The next lines from this place on, before which there are so many."""
        records = Records(file, self.job.encoding, self.job.delimiter, place, line)
        batch = Batch(place)
        for said in islice(self._lines(records, place), most):
            batch.add(said)
        batch.place, batch.line = records.place, records.line
        return batch

    def _lines(self, records: Records, place: int) -> Iterator[Line | BadLine]:
        """All but the names of the columns."""
        skip = self.job.has_header and place == 0
        for number, cells, problem in records:
            if skip:
                skip = False
                continue
            if problem:
                yield BadLine(number, records.text, _(problem))
                continue
            try:
                yield self.read(cells)
            except Bad as error:
                yield BadLine(number, records.text, str(error))

    def read(self, cells: list[str]) -> Line:
        """Raises Bad."""
        if len(cells) <= self.target:
            raise Bad(_("There is no address."))
        try:
            target = targets.read(unguarded(cells[self.target]))
        except targets.NotATarget as error:
            raise Bad(str(error)) from None
        if target.covers != Covers.ADDRESS and not self.job.takes_domains:
            raise Bad(_("This is no single address, and whole domains and patterns are not taken in this import."))
        if target.covers == Covers.PATTERN:
            self._check_pattern(target)
        return Line(
            target,
            self._reason(cells) if self.why >= 0 else self.reason,
            self._at(cells) if self.at >= 0 else self.job.created_at,
            self._until(cells) if self.until >= 0 else self.job.until,
            _cell(cells, self.comment)[: causes.LONGEST_COMMENT] if self.comment >= 0 else "",
            (self.note >= 0 and _cell(cells, self.note)[:LONGEST_NOTE]) or self.job.note,
        )

    def _known_patterns(self) -> set[str]:
        found = Suppression.objects.filter(account=self.job.account_id, covers=Covers.PATTERN)
        return set(found.values_list("target", flat=True)[: causes.MOST_PATTERNS])

    def _check_pattern(self, target: Target) -> None:
        """Each address that is checked is held against all of them."""
        if target.text not in self._patterns and len(self._patterns) >= causes.MOST_PATTERNS:
            raise Bad(
                _("The list has %(n)d patterns, and that is the most. Name addresses or domains instead.")
                % {"n": causes.MOST_PATTERNS}
            )
        self._patterns.add(target.text)

    def _reason(self, cells: list[str]) -> Reason:
        word = _cell(cells, self.why)
        if not word:
            return self.reason
        found = values.reason(word)
        if found is None:
            raise Bad(_("“%(word)s” is no reason that is known.") % {"word": word[:100]})
        return found

    def _at(self, cells: list[str]) -> datetime:
        text = _cell(cells, self.at)
        if not text:
            return self.job.created_at
        found = values.when(text, self.zone, is_day_first=self.job.is_day_first)
        if found is None:
            raise Bad(_("“%(text)s” is no date that can be read.") % {"text": text[:100]})
        return min(found, self.now)

    def _until(self, cells: list[str]) -> datetime | None:
        text = _cell(cells, self.until)
        if not text:
            return self.job.until
        found = values.when(text, self.zone, is_day_first=self.job.is_day_first, at_end=True)
        if found is None:
            raise Bad(_("“%(text)s” is no date that can be read.") % {"text": text[:100]})
        if found <= self.now:
            raise Bad(_("The time until which it holds is over already."))
        return found


def unguarded(text: str) -> str:
    """Without the apostrophe that exports put before what could run as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def _cell(cells: list[str], column: int) -> str:
    return unguarded(cells[column].strip()) if column < len(cells) else ""

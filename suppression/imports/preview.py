"""What an import would do, told before it does it: from the first lines of the file, and the list as it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from suppression.imports import files
from suppression.imports.columns import MOST_COLUMNS
from suppression.imports.lines import Records
from suppression.imports.models import Meaning
from suppression.imports.reading import Bad, BadLine, Reader
from suppression.models import Covers, Reason, Suppression

if TYPE_CHECKING:
    from datetime import datetime

    from suppression.imports.models import Import
    from suppression.imports.reading import Line

LOOKED_AT = 10_000
SHOWN = 10
EXAMPLES = 5
# Letters of a cell that are shown.
LONGEST_CELL = 80


@dataclass(slots=True)
class Row:
    """One of the first lines: its number, its cells, and how it would be read, or why not."""

    number: int
    cells: list[str]
    line: Line | None = None
    problem: str = ""


@dataclass(slots=True)
class Preview:
    """Of the first `looked_at` lines (all there are, if `is_whole`) so many are new on the list, on it already, more
    than once in the file, and bad, with examples. `domains` and `patterns` are among the others."""

    names: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    width: int = 0
    looked_at: int = 0
    is_whole: bool = True
    new: int = 0
    known: int = 0
    repeated: int = 0
    domains: int = 0
    patterns: int = 0
    bad: int = 0
    examples: list[BadLine] = field(default_factory=list)
    reasons: list[tuple[str, int]] = field(default_factory=list)

    @property
    def good(self) -> int:
        return self.looked_at - self.bad

    @property
    def covering(self) -> int:
        """Lines that cover more than one address."""
        return self.domains + self.patterns


def of(job: Import, now: datetime) -> Preview:
    """Raises OSError."""
    found = Preview()
    _first_rows(job, found, now)
    if Meaning.TARGET in job.columns:
        _counts(job, found, now)
    return found


def _first_rows(job: Import, found: Preview, now: datetime) -> None:
    reader = Reader(job, now)
    is_known = Meaning.TARGET in job.columns
    with files.uploaded(job.token).open("rb") as file:
        records = iter(Records(file, job.encoding, job.delimiter))
        if job.has_header:
            found.names = next(((cells[:MOST_COLUMNS]) for _n, cells, _p in records), [])
        for number, cells, problem in islice(records, SHOWN):
            row = Row(number, [cell[:LONGEST_CELL] for cell in cells[:MOST_COLUMNS]])
            try:
                row.problem = _(problem) if problem else ""
                row.line = reader.read(cells) if is_known and not problem else None
            except Bad as error:
                row.problem = str(error)
            found.rows.append(row)
    found.width = max(len(job.columns), len(found.names), *(len(row.cells) for row in found.rows), 0)


def _counts(job: Import, found: Preview, now: datetime) -> None:
    reader = Reader(job, now)
    lines: dict[tuple[str, int], Line] = {}
    reasons: Counter[int] = Counter()
    with files.uploaded(job.token).open("rb") as file:
        for line in reader.lines(file):
            if found.looked_at == LOOKED_AT:
                found.is_whole = False
                break
            found.looked_at += 1
            if isinstance(line, BadLine):
                found.bad += 1
                if len(found.examples) < EXAMPLES:
                    found.examples.append(line)
                continue
            key = (line.target.text, int(line.reason))
            if key not in lines:
                reasons[key[1]] += 1
                found.domains += line.target.covers in (Covers.DOMAIN, Covers.SUBDOMAINS)
                found.patterns += line.target.covers == Covers.PATTERN
            lines[key] = line
    there = Suppression.objects.filter(account=job.account_id, target__in=[text for text, _r in lines])
    known = set(there.values_list("target", "reason"))
    found.known = len(known & lines.keys())
    found.new = len(lines) - found.known
    found.repeated = found.good - len(lines)
    found.reasons = [(str(Reason(reason).label), n) for reason, n in reasons.most_common()]

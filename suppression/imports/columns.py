"""Finding out how a file is made: what stands between its columns, whether they have names, what each of them holds.

By the names first, where they are known, then by what is in the cells. It is a guess, and shown as such: people see how
the first lines would be read, and change it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from django.utils import timezone

from suppression import targets
from suppression.imports import values
from suppression.imports.lines import Records
from suppression.imports.models import Delimiter, Meaning
from suppression.models import Covers, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE = 50
SAMPLE_BYTES = 256 * 1024
# Beyond that nothing is looked for, and nothing offered.
MOST_COLUMNS = 50

# Names of columns, as values.plain writes them; of several columns of one meaning the name that comes first here wins.
NAMES = {
    Meaning.TARGET: "target email emailaddress address recipient recipientemail emailid mail to subscriber "
    "subscriberemail user addressordomain domain domainname host e-mail endereço endereçodeemail destinatário",
    Meaning.REASON: "reason suppressionreason type suppressiontype bouncetype category kind motivo tipo",
    Meaning.AT: "at since created createdat createdtime date dateadded time timestamp added addedat lastupdatetime "
    "unsubtime cleantime bouncedat suppressedat data criadoem",
    Meaning.UNTIL: "until expires expiresat expiry expirydate expirationdate validuntil até",
    Meaning.NOTE: "note notes remark remarks unsubreason nota observação",
    Meaning.COMMENT: "comment error errormessage description detail details diagnostic diagnosticcode message "
    "response comentário",
}
MEANINGS = {values.plain(word): meaning for meaning, words in NAMES.items() for word in words.split()}
ORDER = {word: n for n, word in enumerate(MEANINGS)}

# What providers name their columns, and what a file of these is about. Mailgun, by its documentation of imports:
# address, code, error, created_at. SendGrid, as its API for bounces: created, email, reason, status. Mailchimp:
# UNSUB_TIME in the file of who left, CLEAN_TIME in that of bounces.
KNOWN = (
    ({"address", "code", "error"}, Reason.HARD_BOUNCE),
    ({"email", "reason", "status", "created"}, Reason.HARD_BOUNCE),
    ({"cleantime"}, Reason.HARD_BOUNCE),
    ({"unsubtime"}, Reason.UNSUBSCRIBED),
)
# What is in the name of a file of them. The first that is found.
FILE_NAMES = (
    ("unsub", Reason.UNSUBSCRIBED), ("optout", Reason.UNSUBSCRIBED), ("optedout", Reason.UNSUBSCRIBED),
    ("complain", Reason.SPAM), ("spam", Reason.SPAM), ("abuse", Reason.SPAM),
    ("invalid", Reason.INVALID), ("bounce", Reason.HARD_BOUNCE), ("cleaned", Reason.HARD_BOUNCE),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is made, as far as it can be told from its beginning."""

    delimiter: Delimiter
    has_header: bool
    columns: list[str]
    reason: Reason
    takes_domains: bool
    is_day_first: bool


@dataclass(slots=True)
class _Table:
    """The first records, split by one delimiter."""

    delimiter: Delimiter
    rows: list[list[str]]
    names: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        return min(MOST_COLUMNS, max(map(len, [*self.rows, self.names]), default=0))

    def cells(self, column: int) -> list[str]:
        return [row[column] for row in self.rows if column < len(row) and row[column].strip()]


def guess(file: BinaryIO, encoding: str, name: str) -> Layout:
    """How the file of this name is made."""
    begin = file.read(SAMPLE_BYTES)
    table = max((_table(begin, encoding, delimiter) for delimiter in Delimiter), key=_fitness)
    columns = _meanings(table)
    target = columns.index(Meaning.TARGET) if Meaning.TARGET in columns else None
    found = table.cells(target) if target is not None else []
    dates = [
        cell for n, meaning in enumerate(columns) if meaning in (Meaning.AT, Meaning.UNTIL) for cell in table.cells(n)
    ]
    day_first = values.day_comes_first(dates)
    # What the list itself exports may have both.
    is_ours = any(values.plain(name) == "addressordomain" for name in table.names)
    return Layout(
        delimiter=table.delimiter,
        has_header=bool(table.names),
        columns=columns,
        reason=_reason(table, name),
        takes_domains=is_ours or _most(not _is_address(cell) for cell in found) if found else False,
        is_day_first=True if day_first is None else day_first,
    )


def _table(begin: bytes, encoding: str, delimiter: Delimiter) -> _Table:
    rows = []
    for _line, cells, problem in Records(io.BytesIO(begin), encoding, delimiter):
        if not problem:
            rows.append(cells[:MOST_COLUMNS])
        if len(rows) == SAMPLE:
            break
    table = _Table(delimiter, rows)
    if rows and _names_columns(rows[0]):
        table.names = rows.pop(0)
    return table


def _names_columns(cells: list[str]) -> bool:
    """Whether this is the line of names: some are known, and none is something to be read."""
    return any(values.plain(cell) in MEANINGS for cell in cells) and not any("@" in cell for cell in cells)


def _fitness(table: _Table) -> tuple[bool, bool, int]:
    """Of several ways to split a file the one that finds addresses, then the one that splits most lines alike."""
    columns = range(table.width)
    has_target = any(_most(_is_target(cell) for cell in table.cells(n)) for n in columns)
    is_named = any(values.plain(name) in MEANINGS for name in table.names)
    widths = [len(row) for row in table.rows] or [len(table.names)]
    usual = max(set(widths), key=widths.count)
    return has_target, is_named, widths.count(usual) * (usual > 1)


def _meanings(table: _Table) -> list[str]:
    """What each column holds. Each meaning is given once."""
    columns = [Meaning.NOTHING.value] * table.width
    for column, name in sorted(
        enumerate(table.names[:MOST_COLUMNS]), key=lambda pair: ORDER.get(values.plain(pair[1]), 0)
    ):
        meaning = MEANINGS.get(values.plain(name))
        if meaning is None:
            continue
        if meaning == Meaning.REASON and not _most(values.reason(cell) for cell in table.cells(column)):
            # Providers also call that so what the server said.
            meaning = Meaning.COMMENT if table.cells(column) else Meaning.REASON
        if meaning.value not in columns:
            columns[column] = meaning.value
    if Meaning.TARGET not in columns:
        _find(table, columns, Meaning.TARGET, _is_address)
    if Meaning.TARGET not in columns:
        _find(table, columns, Meaning.TARGET, _is_target)
    if Meaning.TARGET not in columns:
        # A file of bad lines, with some good ones between them.
        found = [sum(map(_is_address, table.cells(column))) for column in range(table.width)]
        if any(found):
            columns[found.index(max(found))] = Meaning.TARGET.value
    if not table.names:
        _find(table, columns, Meaning.REASON, values.reason)
        _find(table, columns, Meaning.AT, _is_time)
    return columns


def _find(table: _Table, columns: list[str], meaning: Meaning, matches: object) -> None:
    """Give this meaning to the first column that has none and whose cells are mostly such."""
    assert callable(matches)
    for column in range(table.width):
        if columns[column] == Meaning.NOTHING and _most(matches(cell) for cell in table.cells(column)):
            columns[column] = meaning.value
            return


def _reason(table: _Table, file_name: str) -> Reason:
    names = {values.plain(name) for name in table.names}
    for known, reason in KNOWN:
        if known <= names:
            return reason
    name = values.plain(file_name)
    return next((reason for part, reason in FILE_NAMES if part in name), Reason.MANUAL)


def _most(found: Iterable[object]) -> bool:
    """Whether more than half of them are true, of those there are."""
    listed = [bool(one) for one in found]
    return sum(listed) * 2 > len(listed)


def _is_address(text: str) -> bool:
    try:
        return targets.read(text).covers == Covers.ADDRESS
    except targets.NotATarget:
        return False


def _is_target(text: str) -> bool:
    try:
        targets.read(text)
    except targets.NotATarget:
        return False
    return True


def _is_time(text: str) -> bool:
    return values.when(text, timezone.get_current_timezone(), is_day_first=True) is not None or (
        values.when(text, timezone.get_current_timezone(), is_day_first=False) is not None
    )

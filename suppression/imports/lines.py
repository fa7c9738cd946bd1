"""The records of a CSV file, one after the other, each with the place behind it, so that reading can go on there.

A file may hold anything: a line of a hundred megabytes, a quotation mark that is never closed. What one bad record
takes is bounded, and what follows it is read.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, BinaryIO

from django.utils.translation import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes of a record, and lines it may go over: a cell may have newlines within quotation marks.
LONGEST = 64 * 1024
MOST_LINES = 100
# Letters of a record that are told.
LONGEST_TEXT = 300

TOO_LONG = gettext_noop("The line is too long.")
UNCLOSED = gettext_noop("A quotation mark is opened and never closed.")
NOT_CSV = gettext_noop("This is no line of a CSV file: it has a carriage return in the middle.")

type Record = tuple[int, list[str], str]


class _Unclosed(Exception):
    pass


class _TooLong(Exception):
    pass


class Records:
    """From `place`, before which there were `line` lines, on. Iterated, it gives the number of the record's first line,
    its cells, and what is wrong with it ("" where nothing is). `place` and `line` are then those behind this record,
    and `text` is what it reads like in the file, or the beginning of it."""

    def __init__(self, file: BinaryIO, encoding: str, delimiter: str, place: int = 0, line: int = 0) -> None:
        self.file = file
        self.encoding = encoding
        self.delimiter = delimiter
        self.place = place
        self.line = line
        self._pieces: list[str] = []
        self._first = self._size = 0
        self._ended = False

    @property
    def text(self) -> str:
        return "".join(piece[:LONGEST_TEXT] for piece in self._pieces[:2])[:LONGEST_TEXT].rstrip("\r\n")

    def __iter__(self) -> Iterator[Record]:
        self._go_to(self.place, self.line)
        while not self._has_ended():
            problem = ""
            first = self.line
            try:
                for cells in csv.reader(self._lines(), delimiter=self.delimiter):
                    if self._has_ended() and self._pieces:
                        raise _Unclosed
                    if cells:
                        yield first + 1, cells, ""
                    self._pieces = []
                    first = self.line
            except _TooLong:
                problem = TOO_LONG
            except _Unclosed:
                problem = UNCLOSED
            except csv.Error:
                problem = NOT_CSV
            if problem:
                # Only its first line is lost.
                self._go_to(self._first, first + 1)
                self._pieces = self._pieces[:1]
                yield first + 1, [], problem
                self._pieces = []

    def _has_ended(self) -> bool:
        return self._ended

    def _go_to(self, place: int, line: int) -> None:
        self.file.seek(place)
        self.place, self.line, self._ended = place, line, False

    def _lines(self) -> Iterator[str]:
        readline = self.file.readline
        while raw := readline(LONGEST + 1):
            self.line += 1
            self.place += len(raw)
            if not self._pieces:
                self._first, self._size = self.place, 0
            self._size += len(raw)
            text = raw.decode(self.encoding, "replace")
            if "\0" in text:
                text = text.replace("\0", "")
            self._pieces.append(text)
            if len(raw) > LONGEST:
                self._skip_rest()
            if self._size > LONGEST or len(self._pieces) > MOST_LINES:
                raise _TooLong if len(self._pieces) == 1 else _Unclosed
            yield text
        self._ended = True

    def _skip_rest(self) -> None:
        """What is left of a line of which only the beginning was read."""
        end = b""
        while not end.endswith(b"\n") and (end := self.file.readline(LONGEST)):
            self.place += len(end)
        if len(self._pieces) == 1:
            self._first = self.place

"""Filling in what differs from one recipient to the next: `[%NAME%]` and `[% NAME %]`, as Netcore writes them.

Values are put in as they are, also into HTML: they come from the sender, like the text around them, and may be HTML
themselves. A name the recipient has no value for leaves nothing. Values are not read for placeholders again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\[%[ \t]*([^%\[\]\s](?:[^%\[\]\r\n]{0,98}[^%\[\]\s])?)[ \t]*%\]")
LINE_ENDS = re.compile(r"[\r\n\x00\v\f\x1c-\x1e\x85\u2028\u2029]+[ \t]*")


# A message's texts are filled for all of its recipients one after the other, so a few suffice.
@lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[str, ...]:
    """The text around the placeholders and, at every second place, their names."""
    return tuple(PLACEHOLDER.split(text))


def fill(text: str, attributes: Mapping[str, str] | None) -> str:
    """The text as this recipient gets it."""
    if "[%" not in text:
        return text
    pieces = _pieces(text)
    if len(pieces) == 1:
        return text
    values = list(pieces)
    find = (attributes or {}).get
    values[1::2] = [find(name, "") for name in pieces[1::2]]
    return "".join(values)


def fill_header(text: str, attributes: Mapping[str, str] | None) -> str:
    """The same for the value of a header: on one line, whatever the values hold, so that none can add a header."""
    return one_line(fill(text, attributes))


def one_line(text: str) -> str:
    """Without the ends of lines: a space stands where one was."""
    return LINE_ENDS.sub(" ", text).strip()

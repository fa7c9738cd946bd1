"""Where in a half-written query somebody is writing, so that the word under the cursor can be completed."""

from __future__ import annotations

from dataclasses import dataclass

from feeds import lexer
from feeds.keys import BY_NAME
from feeds.lexer import QUOTES, Unclear


@dataclass(frozen=True, slots=True)
class Spot:
    """The word that holds the cursor: its key ("" for none), what of it stands before the cursor, the place it takes in
    the text, and the words of the same list before it."""

    key: str
    typed: str
    start: int
    end: int
    others: tuple[str, ...] = ()


def find(text: str, at: int) -> Spot | None:
    """What is being written at this offset; None right behind a finished phrase, and in what cannot be a query."""
    at = max(0, min(at, len(text)))
    try:
        text = lexer.smooth(text)
    except Unclear:
        return None
    start = lexer.past_gap(text, 0)
    while start < at:
        spot, end = _term(text, start + (text[start] == "-"), at)
        if spot or end >= at:
            return spot
        start = lexer.past_gap(text, end)
    return Spot("", "", at, at)


def _term(text: str, start: int, at: int) -> tuple[Spot | None, int]:
    """The word with the cursor of the term that begins here, and where it or the term ends."""
    key = ""
    others: tuple[str, ...] = ()
    name = lexer.key_at(text[:at], start)
    if name is not None and name.lower() in BY_NAME:
        key, start = name.lower(), start + len(name) + 1
    is_list = bool(key and BY_NAME[key].words)
    while True:
        if start < at and text[start] in QUOTES:
            word, is_closed = lexer.phrase(text[:at], start)
            if not is_closed:
                return Spot(key, word.text, start, _end(text, at), others), at
        else:
            word = lexer.bare(text, start, is_list)
            if at <= word.end:
                return Spot(key, text[start:at], start, word.end, others), word.end
        if not (is_list and text[word.end : word.end + 1] == ",") or word.end >= at:
            return None, max(word.end, start + 1)
        start, others = word.end + 1, (*others, word.text)


def _end(text: str, at: int) -> int:
    """The end of a phrase that is open at the cursor: its closing quote if it stands in the same word, else here."""
    following = lexer.bare(text, at)
    return following.end if following.text[-1:] and following.text[-1] in QUOTES else at

"""From the text of the query box to its pieces, each with its place: quotes, keys, minus signs and commas."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches

from django.utils.translation import gettext as _

from feeds.keys import BY_NAME

LONGEST = 2000
# “ and „ are what phones make of ". Such a phrase ends with any of these.
QUOTES = '"“”„'
# Blanks, and the marks without a width that come along when an address is pasted.
GAP = r"\s\u200b\u2060\ufeff\u200e\u200f\u202a-\u202e\u2066-\u2069"
_GAPS = re.compile(f"[{GAP}]*")
_BARE = re.compile(rf"[^{GAP}]*")
_BARE_IN_LIST = re.compile(rf"[^{GAP},]*")
_KEY = re.compile(rf"([^{GAP}:{QUOTES}]*):")
# What needs no quotes when it is written.
_PLAIN = re.compile(r"[\w@.+*%=/!#$&'^|~?:<>-]+")


class Unclear(Exception):
    """Something in the filter cannot be understood: a sentence for a person, and the place in the text it is about.

    `start` and `end` are offsets into what was typed; `field` is the control it was typed into, "q" for the box.
    """

    def __init__(self, sentence: str, start: int = 0, end: int = 0, field: str = "q") -> None:
        super().__init__(sentence)
        self.sentence, self.start, self.end, self.field = sentence, start, end, field


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a phrase, freed of its quotes, and where it stands."""

    text: str
    start: int = 0
    end: int = 0

    def unclear(self, sentence: str) -> Unclear:
        """A mistake about this word."""
        return Unclear(sentence, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Piece:
    """One term as it was typed: `key` in lower case, "" where there is none."""

    key: str
    words: tuple[Word, ...]
    negated: bool
    start: int
    end: int


def pieces(text: str) -> list[Piece]:
    """The terms of a text. Raises Unclear, and nothing else."""
    text = smooth(text)
    found: list[Piece] = []
    at = past_gap(text, 0)
    while at < len(text):
        found.append(_piece(text, at))
        at = past_gap(text, found[-1].end)
    return found


def quoted(text: str) -> str:
    """A phrase as it is written."""
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'


def written(key: str, word: str) -> str:
    """A word as it is written behind this key: in quotes where it needs them."""
    if _PLAIN.fullmatch(word) and (key or not (word.startswith("-") or ":" in word)):
        return word
    return quoted(word)


def too_long() -> str:
    """What is said of a text that is."""
    return _("This search is too long: it can have %(n)d characters at the most.") % {"n": LONGEST}


def smooth(text: str) -> str:
    """The same text, as long as before, with a blank for every tab and newline. Raises Unclear."""
    if len(text) > LONGEST:
        raise Unclear(too_long(), LONGEST, len(text))
    if text.isascii() and text.isprintable():
        return text
    letters = []
    for at, letter in enumerate(text):
        kind = unicodedata.category(letter)
        if kind == "Cs" or (kind == "Cc" and not letter.isspace()):
            sentence = _("Character %(n)d of this search is none that can be searched for. Remove it.")
            raise Unclear(sentence % {"n": at + 1}, at, at + 1)
        letters.append(" " if kind == "Cc" else letter)
    return "".join(letters)


def past_gap(text: str, at: int) -> int:
    """Where the next term begins, at this place or behind it."""
    found = _GAPS.match(text, at)
    return found.end() if found else at


def _piece(text: str, start: int) -> Piece:
    negated = text[start] == "-"
    at = start + negated
    if at == len(text) or past_gap(text, at) > at:
        raise Unclear(_("Behind “-” the word or the key that must not match is expected, without a blank."), start, at)
    if text[at] in QUOTES:
        word = _closed(text, at)
        return Piece("", (word,), negated, start, word.end)
    named = key_at(text, at)
    if named is None or named.lower() == "mailto":
        word = bare(text, at)
        if '"' in word.text:
            raise _misquoted(word)
        return Piece("", (word,), negated, start, word.end)
    name = named.lower()
    if name not in BY_NAME:
        raise _no_key(text, at, named)
    words = _values(text, at + len(named) + 1, name)
    return Piece(name, words, negated, start, words[-1].end)


def key_at(text: str, at: int) -> str | None:
    """What stands before the colon of the word that begins here; None where it has no colon."""
    found = _KEY.match(text, at)
    return found[1] if found else None


def _values(text: str, at: int, key: str) -> tuple[Word, ...]:
    """The values behind a key; several, with commas between, where it knows all its words."""
    is_list = bool(BY_NAME[key].words)
    words: list[Word] = []
    while True:
        if at < len(text) and text[at] in QUOTES:
            word = _closed(text, at, is_list)
        else:
            word = bare(text, at, is_list)
            if not word.text:
                raise Unclear(_needs_value(key), at - 1 if words else at - len(key) - 1, at)
            if '"' in word.text:
                raise _misquoted(word)
        words.append(word)
        if not (is_list and text[word.end : word.end + 1] == ","):
            return tuple(words)
        at = word.end + 1


def bare(text: str, at: int, is_list: bool = False) -> Word:
    """The word from this place to the next gap; in a list to the next comma."""
    found = (_BARE_IN_LIST if is_list else _BARE).match(text, at)
    end = found.end() if found else at
    return Word(text[at:end], at, end)


def phrase(text: str, start: int) -> tuple[Word, bool]:
    """What stands in quotes from here on, and whether they are closed. A backslash before a quote or a backslash makes
    it a plain letter."""
    closing = '"' if text[start] == '"' else QUOTES
    letters: list[str] = []
    at = start + 1
    while at < len(text):
        if text[at] in closing:
            return Word("".join(letters), start, at + 1), True
        if text[at] == "\\" and text[at + 1 : at + 2] in ("\\", *closing):
            at += 1
        letters.append(text[at])
        at += 1
    return Word("".join(letters), start, len(text)), False


def _closed(text: str, start: int, is_list: bool = False) -> Word:
    """A whole phrase, with nothing but a gap behind it; in a list a comma."""
    word, is_closed = phrase(text, start)
    if not is_closed:
        raise word.unclear(
            _("The quotation mark before “%(text)s” has no partner: write another one where the phrase ends.")
            % {"text": word.text[:40]}
        )
    end = word.end
    if end < len(text) and past_gap(text, end) == end and not (is_list and text[end] == ","):
        said = _("A blank is expected behind the phrase %(text)s.") % {"text": text[start:end][:80]}
        raise Unclear(said, start, end + 1)
    return word


def _misquoted(word: Word) -> Unclear:
    return word.unclear(
        _(
            "A quotation mark stands inside of “%(text)s”. Put the whole in quotes, with a backslash before the mark:"
            " %(so)s."
        )
        % {"text": word.text[:40], "so": quoted(word.text[:40])}
    )


def _needs_value(key: str) -> str:
    return _("“%(key)s:” needs a value right behind it, such as %(key)s:%(example)s.") % {
        "key": key,
        "example": BY_NAME[key].examples[0],
    }


def _no_key(text: str, start: int, name: str) -> Unclear:
    word = bare(text, start).text
    known = ", ".join(f"{key}:" for key in BY_NAME)
    close = get_close_matches(name.lower(), BY_NAME, 1)
    sentence = _("“%(name)s:” is no key.") % {"name": name[:40]}
    if close:
        sentence += " " + _("Did you mean “%(close)s:”?") % {"close": close[0]}
    sentence += " " + _("Keys are: %(known)s. To search for it as it stands, quote it: %(quoted)s.") % {
        "known": known,
        "quoted": quoted(word[:40]),
    }
    return Unclear(sentence, start, start + len(name) + 1)

"""Finds in HTML what tracking changes, by place: everything else is copied byte for byte.

The tokens are those of the HTML standard (WHATWG, 13.2.5), as far as they decide where a tag begins and ends. The
patterns give nothing back once they have matched it, so the time grows with the length and no faster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

from tracking.tokens import Note, Target, target_of

_SPACE = r"[ \t\n\f\r]"
_ATTRIBUTE = rf"""
    ([^ \t\n\f\r/>][^ \t\n\f\r/>=]*+)
    (?:{_SPACE}*+=(?!{_SPACE}*+>){_SPACE}*+(?>"([^"]*+)(?:"|\Z)|'([^']*+)(?:'|\Z)|([^ \t\n\f\r>]++)))?+
"""
_ATTRIBUTES = re.compile(_ATTRIBUTE, re.VERBOSE)
_QUIET = re.sub(r"(?<!\\)\((?!\?)", "(?:", _ATTRIBUTE)
_TOKEN = re.compile(
    rf"""
    <!--(?P<comment>-?>|.*?(?:--!?>|\Z))
    | </[a-zA-Z](?P<end>[^ \t\n\f\r/>]*+)(?>[ \t\n\f\r/]++|{_QUIET})*+>
    | <(?P<name>[a-zA-Z][^ \t\n\f\r/>]*+)(?P<attributes>(?>[ \t\n\f\r/]++|{_QUIET})*+)>
    | <(?:[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
# Tags one after the other, and the text between them, in which there is nothing for us: neither a link, nor the end of
# the page, nor what makes a text of all that follows.
_DULL = re.compile(
    rf"""
    (?: <(?: /(?!(?i:body|html)[ \t\n\f\r/>])
           | (?!(?i:a|area|plaintext|script|style|textarea|title|xmp|iframe|noembed|noframes)[ \t\n\f\r/>]|[vV]:) )
        [a-zA-Z][^ \t\n\f\r/>]*+(?>[ \t\n\f\r/]++|{_QUIET})*+>[^<]*+ )++
    """,
    re.VERBOSE | re.DOTALL,
)
_TAG = re.compile(r"</?[a-zA-Z]")
_CONDITIONAL = re.compile(r"\[if\b[^\]>]*\]>(?P<inside>.*)<!\[endif\](?:--!?>)?\Z", re.IGNORECASE | re.DOTALL)
# Their content is text whatever it looks like (13.2.6.2).
_TEXT_ONLY = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
_LINKED = frozenset({"a", "area"})
_TEMPLATE = re.compile(r"\{\{|\{%|\[%|<%|\*\|")
_UNSEEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Where the sender wants the address to unsubscribe at.
PLACEHOLDER = re.compile(r"\[%\s*unsubscribe\s*%\]|\{\{\s*unsubscribe\s*\}\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to be tracked, as it is written and where it leads."""

    written: str
    target: Target
    note: Note = Note.NOTHING


class Leave:
    """The place of the address to unsubscribe at."""


class End:
    """The place of footer and pixel."""


type Piece = str | Link | Leave | End


@dataclass(slots=True)
class _Found:
    """Places in the source: from, to, and what stands there instead."""

    links: list[tuple[int, int, Link]] = field(default_factory=list)
    body_end: int | None = None
    html_end: int | None = None


def html_pieces(source: str) -> list[Piece]:
    """The HTML, cut where something of ours goes."""
    found = _Found()
    _scan(source, 0, len(source), found)
    end = next((at for at in (found.body_end, found.html_end) if at is not None), len(source))
    marks: list[tuple[int, int, Link | Leave | End]] = [*found.links, (end, end, End())]
    marks += _placeholders(source)
    return _cut(source, sorted(marks, key=lambda mark: mark[:2]))


def _placeholders(source: str) -> list[tuple[int, int, Link | Leave | End]]:
    if "[%" not in source and "{{" not in source:
        return []
    return [(match.start(), match.end(), Leave()) for match in PLACEHOLDER.finditer(source)]


def _cut(source: str, marks: list[tuple[int, int, Link | Leave | End]]) -> list[Piece]:
    pieces: list[Piece] = []
    done = 0
    for start, end, mark in marks:
        if start > done:
            pieces.append(source[done:start])
        pieces.append(mark)
        done = end
    pieces.append(source[done:])
    return pieces


def _scan(source: str, at: int, stop: int, found: _Found, *, top: bool = True) -> None:
    while (at := source.find("<", at, stop)) >= 0:
        if dull := _DULL.match(source, at, stop):
            at = dull.end()
            continue
        token = _TOKEN.match(source, at, stop)
        if token is None:
            # The end of the text within a tag: nothing of it is shown. Or a sign that stands for itself.
            if _TAG.match(source, at, stop):
                return
            at += 1
            continue
        at = token.end()
        if token["name"]:
            name = token["name"].lower()
            _tag(source, name, token, found)
            if name in _TEXT_ONLY:
                closing = re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(source, at, stop)
                at = closing.start() if closing else stop
            elif name == "plaintext":
                return
        elif token["comment"] and top:
            conditional = _CONDITIONAL.match(source, token.start("comment"), token.end())
            if conditional:
                _scan(source, *conditional.span("inside"), found, top=False)
        elif top and token["end"] is not None:
            name = source[token.start() + 2 : token.end("end")].lower()
            if name == "body":
                found.body_end = token.start()
            elif name == "html":
                found.html_end = token.start()


def _tag(source: str, name: str, token: re.Match[str], found: _Found) -> None:
    """Note the link of this tag, if it has one that is to be tracked."""
    # Outlook draws buttons as shapes of VML, which lead somewhere themselves.
    if name not in _LINKED and not name.startswith("v:"):
        return
    spans: dict[str, tuple[int, int]] = {}
    for attribute in _ATTRIBUTES.finditer(source, *token.span("attributes")):
        # The last group is the value, where there is one.
        last = attribute.lastindex or 1
        spans.setdefault(attribute[1].lower(), attribute.span(last) if last > 1 else (0, 0))
    start, end = spans.get("href", (0, 0))
    written = source[start:end]
    if not written or "data-notrack" in spans or _TEMPLATE.search(written):
        return
    target = target_of(unescape(written))
    if target is not None:
        style = source[slice(*spans.get("style", (0, 0)))]
        unseen = "hidden" in spans or _UNSEEN.search(style) or source.startswith("</a>", token.end())
        found.links.append((start, end, Link(written, Target.of(target), Note.HIDDEN if unseen else Note.NOTHING)))


# ---- Plain text -------------------------------------------------------------------------------------------

_WRITTEN = re.compile(r"https?://[^\s<>\"'\[\]{}|\\^`]+", re.IGNORECASE)
_AFTER = ".,;:!?*_~"


def text_pieces(source: str, *, links: bool) -> list[Piece]:
    """Plain text, cut at its addresses (with `links`) and where the one to unsubscribe at goes."""
    marks: list[tuple[int, int, Link | Leave | End]] = []
    for match in _WRITTEN.finditer(source) if links else ():
        written = match[0].rstrip(_AFTER)
        while written.endswith(")") and written.count(")") > written.count("("):
            written = written[:-1].rstrip(_AFTER)
        target = target_of(written)
        if target is not None:
            marks.append((match.start(), match.start() + len(written), Link(written, Target.of(target))))
    marks += _placeholders(source)
    return _cut(source, sorted(marks, key=lambda mark: mark[:2]))

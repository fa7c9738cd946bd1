"""A mail taken apart, in bounded time and memory, whatever its bytes are: nothing here raises.

Python's own parser is for mail that means well: it nests as deep as it is told to. What comes back as mail was written
by strangers, so only its beginning is read, only so many parts, and only so deep.
"""

from __future__ import annotations

import binascii
import codecs
import html
import quopri
import re
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What reports an error stands at the beginning; what follows is the mail that was returned.
MOST_BYTES = 1_000_000
MOST_TEXT = 100_000
MOST_HEADERS = 64_000
MOST_PARTS, DEEPEST = 50, 6
# Not for text, or slow on purpose-made input.
UNTRUSTED = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "unicode-escape"})

_END_OF_HEADERS = re.compile(rb"\r?\n[ \t]*\r?\n")
_FIELD = re.compile(r"^([!-9;-~]{1,100})[ \t]*:[ \t]*", re.MULTILINE)
_BOUNDARY = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.IGNORECASE)
_ENCODED = re.compile(r"=\?[^?\s]{1,40}\?[bqBQ]\?[^?]{0,2000}\?=")
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/li|/td|/h\d|/pre)\b[^<>]{0,200}>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(/?)(style|script|head|title)\b", re.IGNORECASE)
# An address in angle brackets is no tag: some put plain text where they promise HTML.
_TAGS = re.compile(r"<(?![^<>\s@=]{1,100}@)[/!?a-zA-Z][^<>]{0,2000}>")


@dataclass(frozen=True, slots=True)
class Headers:
    """The fields of a header in their order, unfolded; names are lower case."""

    fields: tuple[tuple[str, str], ...] = ()

    def first(self, name: str) -> str:
        """The first field of this name, as people read it, or ""."""
        return next((readable(value) for key, value in self.fields if key == name), "")

    def every(self, *names: str) -> list[str]:
        """All fields of these names."""
        return [readable(value) for key, value in self.fields if key in names]

    def __bool__(self) -> bool:
        return bool(self.fields)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail that holds no others. `kind` is its content type in lower case, `inside` its holder's."""

    headers: Headers
    kind: str
    body: bytes = field(repr=False)
    inside: str = ""

    @property
    def text(self) -> str:
        """The beginning of what it holds, as text; HTML without its tags."""
        body = _decoded(self.body[:MOST_TEXT], self.headers.first("content-transfer-encoding"))
        text = as_text(body, self.headers.first("content-type")).replace("\r\n", "\n").replace("\r", "\n")
        return plain(text) if self.kind == "text/html" else text


def take_apart(raw: bytes) -> tuple[Headers, list[Part]]:
    """The header of a mail and the parts that hold no others, in their order."""
    headers, body = cut_header(raw[:MOST_BYTES].lstrip(b"\r\n"))
    return headers, list(_limited(_parts(headers, body, "", 0)))


def cut_header(raw: bytes) -> tuple[Headers, bytes]:
    """The header at the beginning of these bytes, and what follows it."""
    if raw[:1] in (b"\r", b"\n"):
        return Headers(), raw.lstrip(b"\r\n")
    end = _END_OF_HEADERS.search(raw)
    head, body = (raw[: end.start()], raw[end.end() :]) if end else (raw, b"")
    return parse_header(as_text(head[:MOST_HEADERS], "")), body


def parse_header(text: str) -> Headers:
    """Read fields. What is none, like the "From " line of a mailbox file, is passed over."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    found = ((_FIELD.match(line), line) for line in lines)
    return Headers(tuple((match[1].lower(), line[match.end() :].strip()) for match, line in found if match))


def readable(value: str) -> str:
    """A header as people read it: encoded words (RFC 2047) are decoded where that is possible."""
    if "=?" not in value:
        return value
    return _ENCODED.sub(_word, re.sub(r"(\?=)\s+(=\?)", r"\1\2", value[:MOST_HEADERS]))


def plain(text: str) -> str:
    """HTML as the text people see, roughly."""
    return html.unescape(_TAGS.sub(" ", _BREAKS.sub("\n", _seen(text))))


def _seen(text: str) -> str:
    """Without styles, scripts and titles. One that is not closed hides nothing."""
    kept, hidden, end = [], None, 0
    for tag in _UNSEEN.finditer(text):
        if hidden is None and not tag[1]:
            hidden = tag
        elif hidden is not None and tag[1] and tag[2].lower() == hidden[2].lower():
            kept.append(text[end : hidden.start()])
            hidden, end = None, tag.start()
    return " ".join([*kept, text[end:]])


def as_text(body: bytes, content_type: str) -> str:
    """Bytes as text: by the charset that is given, else as UTF-8, else as Latin 1."""
    found = _CHARSET.search(content_type)
    names = [found[1]] if found else []
    for name in [*names, "iso-2022-jp" if b"\x1b$B" in body else "utf-8"]:
        try:
            if codecs.lookup(name).name not in UNTRUSTED:
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    return body.decode("utf-8" if _mostly_utf8(body) else "latin-1", errors="replace")


def _mostly_utf8(body: bytes) -> bool:
    """Cut in the middle of a letter, or with an odd byte in it."""
    return body.decode("utf-8", errors="replace").count("�") <= len(body) // 500 + 1


def _word(match: re.Match[str]) -> str:
    try:
        return "".join(
            part.decode(name or "ascii", errors="replace") if isinstance(part, bytes) else part
            for part, name in decode_header(match[0])
            if codecs.lookup(name or "ascii").name not in UNTRUSTED
        )
    except (LookupError, ValueError, HeaderParseError):
        return match[0]


def _decoded(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(body)
    if encoding == "base64":
        clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        try:
            return binascii.a2b_base64(clean[: len(clean) // 4 * 4] + (clean[len(clean) // 4 * 4 :] + b"===")[:4])
        except binascii.Error:
            return binascii.a2b_base64(clean[: len(clean) // 4 * 4])
    return body


def _limited(parts: Iterator[Part]) -> Iterator[Part]:
    for number, part in enumerate(parts):
        if number >= MOST_PARTS:
            return
        yield part


def _parts(headers: Headers, body: bytes, inside: str, depth: int) -> Iterator[Part]:
    given = headers.first("content-type")
    kind = given.partition(";")[0].strip().lower() or "text/plain"
    boundary = _BOUNDARY.search(given)
    if kind.startswith("multipart/") and boundary and depth < DEEPEST:
        pieces = _pieces(body, (boundary[1] or boundary[2]).strip())
        for piece in pieces:
            yield from _parts(*cut_header(piece), kind, depth + 1)
        if pieces:
            return
    yield Part(headers, "text/plain" if kind.startswith("multipart/") else kind, body, inside)


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    line = re.compile(rb"^--" + re.escape(boundary.encode(errors="replace")) + rb"(?:--)?[ \t]*\r?$\n?", re.MULTILINE)
    found = list(line.finditer(body))[: MOST_PARTS + 1]
    if not found:
        return []
    ends = [match.start() for match in found[1:]] + [len(body)]
    pieces = [body[match.end() : end] for match, end in zip(found, ends, strict=True)]
    return [piece for piece in pieces if piece.strip()]

"""Headers and bodies as they travel: RFC 5322 lines, RFC 2047 words, RFC 2045 encodings. Pure, and quick.

What goes in here is text as people write it. Nothing that comes out can begin a header of its own.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

import idna

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]+")
PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
TOKEN_STARTS = re.compile(r"(?<=\S)(?=\s)")
NEWLINES = re.compile(rb"\r\n|\r|\n")
CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; *[\w-]+=([\w.+-]+|\"[\w .+-]*\"))*", re.ASCII)
ASCII_BYTES = bytes(range(128))
# A line of a header is folded here (RFC 5322, 2.1.1), and no line of a body is longer than that (998).
FOLD, LONGEST = 76, 990


# ---- Headers ----------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """One line without control characters."""
    return CONTROLS.sub(" ", text).strip()


def header(name: str, value: str) -> str:
    """A line of the header with a text that people read, ending with CRLF."""
    value = clean(value)
    if not value.isascii() or "=?" in value:
        return f"{name}: {_words(value, len(name) + 2)}\r\n"
    if len(name) + len(value) <= FOLD:
        return f"{name}: {value}\r\n"
    return _folded(name, value)


def _folded(name: str, value: str) -> str:
    lines = [f"{name}:"]
    for word in TOKEN_STARTS.split(f" {value}"):
        if len(word) > LONGEST:
            return f"{name}: {_words(value, len(name) + 2)}\r\n"
        if len(lines[-1]) + len(word) > FOLD and (len(lines) > 1 or len(lines[-1]) > len(name) + 1):
            lines.append(word)
        else:
            lines[-1] += word
    return "\r\n".join(lines) + "\r\n"


def _words(text: str, used: int) -> str:
    """Encoded words (RFC 2047), of which each holds whole characters; `used` letters of the line are taken."""
    data = text.encode(errors="replace")
    words, start = [], 0
    room = max((63 - used) // 4 * 3, 9)
    while start < len(data):
        end = min(start + room, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{binascii.b2a_base64(data[start:end], newline=False).decode()}?=")
        start, room = end, 45
    return "\r\n ".join(words)


@lru_cache(maxsize=4096)
def wire_address(address: str) -> str:
    """The address with its domain as DNS knows it; a local part beyond ASCII stays, and needs SMTPUTF8."""
    local, _at, domain = clean(address).rpartition("@")
    if domain.isascii():
        return f"{local}@{domain}"
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError:
        return f"{local}@{domain}"


def mailbox(name: str, address: str, used: int = 0) -> str:
    """A person and an address; the address alone where there is no name."""
    name = clean(name)
    address = wire_address(address)
    if not name:
        return address
    if not name.isascii() or "=?" in name or len(name) > LONGEST:
        phrase = _words(name, used)
    elif PLAIN_PHRASE.fullmatch(name):
        phrase = name
    else:
        phrase = '"' + name.replace("\\", r"\\").replace('"', r"\"") + '"'
    return f"{phrase} <{address}>"


def mailboxes(name: str, people: Iterable[tuple[str, str]]) -> str:
    """A header of addresses; "" without any."""
    found = [mailbox(person, address, len(name) + 2) for person, address in people]
    if not found:
        return ""
    separator = ", " if len(name) + sum(map(len, found)) + 2 * len(found) <= FOLD else ",\r\n "
    return f"{name}: {separator.join(found)}\r\n"


# ---- Bodies -----------------------------------------------------------------------------------------------


def body(text: str) -> tuple[str, bytes]:
    """The encoding that suits this text, and the text in it: 7bit where it may be, else whichever is shorter.

    Lines end with CRLF; the end of the last one is not part of it.
    """
    data = text.encode(errors="replace")
    data = data.replace(b"\n", b"\r\n") if b"\r" not in data else NEWLINES.sub(b"\r\n", data)
    if text.isascii() and _travels_as_it_is(data):
        return "7bit", data
    beyond = len(data.translate(None, ASCII_BYTES))
    if beyond * 6 > len(data):
        return "base64", base64_lines(data)
    return "quoted-printable", quoted_printable(data)


def _travels_as_it_is(data: bytes) -> bool:
    if b"\0" in data or b"=_" in data or b"\nFrom " in data or data.startswith(b"From "):
        return False
    return len(data) <= LONGEST or max(map(len, data.split(b"\r\n"))) <= LONGEST


def quoted_printable(data: bytes) -> bytes:
    """Lines that end with CRLF, quoted."""
    # The encoder ends its own lines as the first one ends, so there must be one.
    return binascii.b2a_qp(data + b"\r\n", istext=True).removesuffix(b"\r\n")


def base64_lines(data: bytes) -> bytes:
    """Lines of 76 letters; the last one has no end."""
    return b"\r\n".join(
        binascii.b2a_base64(data[start : start + 57], newline=False) for start in range(0, len(data), 57)
    )


def part(content_type: str, text: str) -> bytes:
    """A text as a part of a message, headers and all."""
    encoding, data = body(text)
    head = f'Content-Type: {content_type}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode() + data


def file_part(name: str, content_type: str, content: bytes, content_id: str = "") -> bytes:
    """A file as a part of a message; one with an id is shown inside the text that names it."""
    kind = content_type.strip()
    if not CONTENT_TYPE.fullmatch(kind) or kind.lower().startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    disposition = "inline" if content_id else "attachment"
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: {disposition}; {_file_name(clean(name) or 'file')}\r\n"
    )
    if content_id:
        head += f"Content-ID: <{content_id}>\r\n"
    return head.encode() + b"\r\n" + base64_lines(content)


def _file_name(name: str) -> str:
    """RFC 2231 for what is beyond ASCII, and in pieces where it is long."""
    if name.isascii() and len(name) < FOLD and not set('"\\%*') & set(name):
        return f'filename="{name}"'
    quoted = quote(name.encode(errors="replace"), safe="")
    if len(quoted) <= FOLD:
        return f"filename*=utf-8''{quoted}"
    pieces = re.findall(r"(?:%..|[^%]){1,20}", quoted)
    return ";\r\n ".join(
        f"filename*{n}*={quoted_piece if n else f'utf-8{chr(39) * 2}{quoted_piece}'}"
        for n, quoted_piece in enumerate(pieces)
    )

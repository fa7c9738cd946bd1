"""A message as it was handed in (RFC 5322): its header fields, byte for byte, and what they say."""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import format_datetime, getaddresses
from typing import TYPE_CHECKING

from delivery.orders import Mailbox

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from delivery.orders import Passage

_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_BREAK = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Handed:
    """Header fields in their order, each with its name in lower case and all of its lines, and what follows them."""

    fields: Sequence[tuple[str, bytes]]
    body: bytes

    def as_bytes(self) -> bytes:
        return b"".join([*(lines for _name, lines in self.fields), b"\r\n", self.body])

    def without(self, names: Collection[str]) -> Handed:
        """The same without these fields (lower case)."""
        return Handed([field for field in self.fields if field[0] not in names], self.body)

    def count(self, name: str) -> int:
        """How many fields of this name there are."""
        return sum(name == one for one, _lines in self.fields)

    def text(self, name: str) -> str:
        """What the first field of this name says, decoded and on one line; "" where there is none."""
        return next((decoded(value) for value in self._values(name)), "")

    def mailboxes(self, name: str) -> list[Mailbox]:
        """The people in the fields of this name who have an address."""
        named = (pair for value in self._values(name) for pair in getaddresses([value]))
        return [Mailbox(address, decoded(person)) for person, address in named if address]

    def address(self, name: str) -> str:
        """The first address in the fields of this name; "" where there is none."""
        return next((mailbox.address for mailbox in self.mailboxes(name)), "")

    def _values(self, name: str) -> Iterator[str]:
        for one, lines in self.fields:
            if one == name:
                yield " ".join(_readable(lines.partition(b":")[2]).split())


def read(raw: bytes) -> Handed:
    """The parts of a message. Every line of it ends in CRLF afterwards: a lone CR or LF is a line break to some
    servers and none to others, and would let somebody smuggle a second message past them.
    """
    if not raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n"):
        raw = _BREAK.sub(b"\r\n", raw)
    if raw and not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    begun: list[tuple[str, int]] = []
    at = 0
    if raw.startswith(b"From "):
        # The first line of a message in a mailbox file.
        at = raw.index(b"\n") + 1
    while at < len(raw) and not raw.startswith(b"\r\n", at):
        end = raw.index(b"\n", at) + 1
        if raw[at] not in b" \t" or not begun:
            found = _NAME.match(raw, at, end)
            if found is None:
                # Neither a field nor the empty line: the message itself begins here.
                return Handed(_fields(raw, begun, at), raw[at:])
            begun.append((found[1].decode("ascii").lower(), at))
        at = end
    return Handed(_fields(raw, begun, at), raw[at + 2 :])


def _fields(raw: bytes, begun: Sequence[tuple[str, int]], end: int) -> list[tuple[str, bytes]]:
    """Each field by its name, cut where the next one begins: all at once, as one may have millions of lines."""
    ends = [*(at for _name, at in begun), end][1:]
    return [(name, raw[at:to]) for (name, at), to in zip(begun, ends, strict=True)]


def decoded(value: str) -> str:
    """The text of a header's value, its encoded words (RFC 2047) read; as it stands where they cannot be."""
    if "=?" not in value:
        return _clean(value)
    try:
        parts = [
            part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(value)
        ]
    except (HeaderParseError, NotBase64, LookupError, ValueError):
        return _clean(value)
    return _clean("".join(parts))


def _readable(value: bytes) -> str:
    """Text in whatever it is written: UTF-8 (RFC 6532), or else something older."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _clean(text: str) -> str:
    """Without what a text in the database or in a header may not hold."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(kept.encode(errors="replace").decode().split())


def trace(passage: Passage, uid: str, at: datetime) -> bytes:
    """The header Received of a message we took (RFC 5321, 4.4).

    Of the client it says only that it logged in: who gets the mail has no business with the addresses and names of
    somebody's own network.
    """
    to = f"\r\n\tfor <{passage.recipient}>" if passage.recipient else ""
    return (
        f"Received: from localhost (a client that logged in)\r\n\tby {passage.hostname} with {passage.protocol}"
        f" id {uid}{to};\r\n\t{format_datetime(at)}\r\n"
    ).encode()

"""The signed addresses in mail: pixel, links, unsubscribing. They hold all they need, and work for as long as the key.

A token is a letter for its version and 24 bytes: what was noted of the link, the account, the email, and a signature
over these, the purpose and, for a link, where it leads. A link carries its target in the address itself, so that it
leads there without the database, and nowhere the sender did not write.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from functools import cache
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import quote

from django.conf import settings

VERSION = "1"
PREFIX = "/t/"
# Longer addresses are not believed: no mail program and no server of ours takes them.
LONGEST_TARGET = 4000
_BODY = struct.Struct(">BIQ")
_MAC = 24 - _BODY.size
_MAC_ADDRESS = 8
_ADDRESS = struct.Struct(">IQ")
_WEB = re.compile(r"https?://[^/?#\\\s]", re.IGNORECASE)
# What a browser takes out of an address before it reads it (WHATWG URL, 4.4), and what no header may hold.
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_TAKEN_OUT = re.compile(r"[\t\n\r]")
_ENDS = "".join(map(chr, range(0x21)))
# What an address may hold as it is (RFC 3986); all else is percent-encoded, as browsers do.
_PLAIN = "!#$%&'()*+,/:;=?@[]~|^`{}\"<>\\"
# An address that holds nothing else: most of them.
_CLEAN = re.compile(rf"https?://[\w.~{re.escape(_PLAIN)}-]+", re.ASCII)


class Purpose(StrEnum):
    """What a token is for. Each signs for itself alone, and is the next part of the address."""

    PIXEL = "o"
    LINK = "c"
    LEAVE = "u"


class Note(IntFlag):
    """What was noted of a link as the mail was made."""

    NOTHING = 0
    HIDDEN = 1


# All of them are made over and over.
_note = cache(Note)


class Named(NamedTuple):
    """The email a token names, what was noted, and where it leads ("" but for links)."""

    account_id: int
    email_id: int
    note: Note = Note.NOTHING
    target: str = ""


@cache
def _derived(*secrets: str) -> tuple[bytes, ...]:
    return tuple(blake2b(str(one).encode(), digest_size=32, person=b"livefeeds.track").digest() for one in secrets)


def _keys() -> tuple[bytes, ...]:
    """The key to sign with, then those that were: SECRET_KEY and SECRET_KEY_FALLBACKS."""
    return _derived(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@cache
def _begun(key: bytes, purpose: str, size: int) -> blake2b:
    # Taking in the key is most of the work, and the same for all.
    return blake2b(purpose.encode(), digest_size=size, key=key)


def _mac(key: bytes, purpose: str, body: bytes, target: bytes = b"", size: int = _MAC) -> bytes:
    # The parts before the target have fixed lengths, so no two different ones are signed alike.
    mac = _begun(key, purpose, size).copy()
    mac.update(body + target)
    return mac.digest()


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_URLSAFE).decode()


# ---- Making them ------------------------------------------------------------------------------------------


def target_of(written: str) -> str | None:
    """Where a browser would go from what is written (entities already read); None where that is no web address."""
    if _CLEAN.fullmatch(written) and _WEB.match(written) and len(written) <= LONGEST_TARGET:
        return written
    target = _TAKEN_OUT.sub("", written.strip(_ENDS))
    if not _WEB.match(target) or len(target) > LONGEST_TARGET:
        return None
    try:
        return quote(target, safe=_PLAIN)
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads, as it is signed and as its address carries it; one of `target_of`'s."""

    url: str
    raw: bytes
    carried: str

    @classmethod
    def of(cls, url: str) -> Target:
        raw = url.encode()
        return cls(url, raw, _encoded(raw).rstrip("="))


class Signer:
    """Makes the addresses of one email below `base` (such as https://links.example.com)."""

    def __init__(self, account_id: int, email_id: int, base: str = "") -> None:
        self._key = _keys()[0]
        self._base = base + PREFIX
        self._bodies = [_BODY.pack(note, account_id, email_id) for note in (Note.NOTHING, Note.HIDDEN)]

    def _token(self, purpose: Purpose, note: int = 0, target: bytes = b"") -> str:
        body = self._bodies[note]
        signed = body + _mac(self._key, purpose, body, target)
        return f"{self._base}{purpose}/{VERSION}{_encoded(signed)}"

    def pixel(self) -> str:
        """The address of the pixel."""
        return self._token(Purpose.PIXEL)

    def leave(self) -> str:
        """The address of the page to unsubscribe at."""
        return self._token(Purpose.LEAVE)

    def link(self, target: Target, note: Note = Note.NOTHING) -> str:
        """The address that leads to `target`."""
        return f"{self._token(Purpose.LINK, note, target.raw)}/{target.carried}"


def mailbox(account_id: int, email_id: int) -> str:
    """The part before the @ of the address that unsubscribes by mail."""
    body = _ADDRESS.pack(account_id, email_id)
    signed = body + _mac(_keys()[0], "m", body, size=_MAC_ADDRESS)
    return f"u+{VERSION}{base64.b32encode(signed).decode().lower()}"


# ---- Reading them -----------------------------------------------------------------------------------------


def _is_signed(mac: bytes, purpose: str, body: bytes, target: bytes = b"") -> bool:
    return any(compare_digest(mac, _mac(key, purpose, body, target, len(mac))) for key in _keys())


def _bytes(carried: str) -> bytes:
    """What is carried in the letters of addresses (RFC 4648, 5). Raises ValueError. `base64` takes longer, for each
    hit."""
    standard = carried.replace("-", "+").replace("_", "/") + "=" * (-len(carried) % 4)
    return binascii.a2b_base64(standard, strict_mode=True)


def read(purpose: str, token: str, carried: str = "") -> Named | None:
    """What this token of this purpose says; None where it was not made here, whatever it is."""
    if len(token) != 33 or token[0] != VERSION or len(carried) > 2 * LONGEST_TARGET:
        return None
    try:
        signed, target = _bytes(token[1:]), _bytes(carried)
    except ValueError:
        return None
    body, mac = signed[: _BODY.size], signed[_BODY.size :]
    if not _is_signed(mac, purpose, body, target):
        return None
    note, account_id, email_id = _BODY.unpack(body)
    return Named(account_id, email_id, _note(note), target.decode())


def read_mailbox(address: str) -> Named | None:
    """The email whose recipient unsubscribes by writing to this address (in any case); None for any other."""
    local = address.strip().partition("@")[0].lower()
    if not local.startswith(f"u+{VERSION}"):
        return None
    try:
        signed = base64.b32decode(local[3:].upper())
    except (binascii.Error, ValueError):
        return None
    body, mac = signed[: _ADDRESS.size], signed[_ADDRESS.size :]
    if len(signed) != _ADDRESS.size + _MAC_ADDRESS:
        return None
    if not _is_signed(mac, "m", body):
        return None
    return Named(*_ADDRESS.unpack(body))

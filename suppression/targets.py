"""What an entry of the list covers, and how it is written: each target has one spelling, so that it is there once.

bob@example.com      one address
@example.com         everybody at this domain; also read: example.com, *@example.com
@.example.com        and at its subdomains; also read: .example.com, *.example.com, *@*.example.com
bounce-*@example.com a pattern, * for any number of characters
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import idna
from django.utils.translation import gettext as _

from suppression import addresses
from suppression.models import Covers

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 320
DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}", re.ASCII)
PATTERN = re.compile(r"[^\s@\"<>,;]+@[a-z0-9*_.-]+", re.ASCII | re.IGNORECASE)
# A pattern of less would cover nearly everybody.
LEAST_LETTERS = 3


class NotATarget(ValueError):
    """It is neither an address nor a domain nor a pattern; the text says what is wrong with it, in a sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who must not be mailed: `text` is its one spelling; `domain` is "" for a pattern of several domains."""

    text: str
    covers: Covers
    domain: str

    def __str__(self) -> str:
        return shown(self.text, self.covers)


def read(text: str) -> Target:
    """What somebody wrote. Raises NotATarget."""
    written = text.strip().lower()
    if not written or "\0" in written:
        raise NotATarget(_("There is no address."))
    if len(written) > LONGEST:
        raise NotATarget(_("“%(text)s…” is too long for an address.") % {"text": written[:100]})
    local, at, domain = written.rpartition("@")
    if not at or not local or local == "*":
        return _domain(domain)
    if "*" in written and local[0] != '"':
        return _pattern(written, domain)
    try:
        found = addresses.read(plain(written))
    except addresses.NotAnAddress as error:
        raise NotATarget(str(error)) from None
    text = found.wire.lower()
    return Target(_quoted(text) if "*" in text else text, Covers.ADDRESS, found.domain)


def of_address(address: str) -> Target:
    """The target of one address that mail was sent to, however odd: what no rule reads is taken as it stands."""
    text, domain = spelling(address.lower())
    return Target(text, Covers.ADDRESS, domain)


def spelling(address: str) -> tuple[str, str]:
    """The same of an address in lower case, as its text and its domain."""
    if "*" not in address and addresses.is_plain(address):
        return address, address.rpartition("@")[2]
    try:
        found = addresses.read(address)
    except addresses.NotAnAddress:
        text, domain = address, address.rpartition("@")[2]
    else:
        text, domain = found.wire.lower(), found.domain
    return _quoted(text) if "*" in text else text, domain


def plain(text: str) -> str:
    """The spelling of an address as patterns are held against it."""
    return text.replace('"', "") if "*" in text else text


def covering(target: Target) -> Iterator[str]:
    """The spellings of all targets but patterns that cover this address: itself, its domain, those above it."""
    yield target.text
    yield from above(target.domain)


@lru_cache(maxsize=8192)
def above(domain: str) -> tuple[str, ...]:
    """The spellings of all targets but patterns that cover everybody at this domain: itself, and those above it."""
    labels = domain.split(".")
    return (f"@{domain}", *(f"@.{'.'.join(labels[n:])}" for n in range(len(labels) - 1)))


def shown(text: str, covers: int) -> str:
    """A target as people read it."""
    if covers == Covers.DOMAIN:
        return f"*@{text[1:]}"
    return f"*@*{text[1:]}" if covers == Covers.SUBDOMAINS else text


def _quoted(text: str) -> str:
    """The same address in the other spelling that RFC 5321 has for it, or it would look like a pattern."""
    local, at, domain = text.rpartition("@")
    return text if not at or local.startswith('"') else f'"{local}"@{domain}'


def _domain(written: str) -> Target:
    """A domain, or with a dot or a star before it a domain with its subdomains."""
    name = written.removeprefix("*").removeprefix(".")
    covers = Covers.SUBDOMAINS if name != written else Covers.DOMAIN
    ascii_name = _ascii(name.removesuffix("."))
    if not DOMAIN.fullmatch(ascii_name):
        raise NotATarget(_("“%(text)s” is neither an address nor a domain.") % {"text": written[:100]})
    return Target(f"@.{ascii_name}" if covers == Covers.SUBDOMAINS else f"@{ascii_name}", covers, ascii_name)


def _ascii(name: str) -> str:
    """The domain as DNS has it, or "" where there is no such name."""
    try:
        return name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return ""


def _pattern(written: str, domain: str) -> Target:
    one = "" if "*" in domain else _ascii(domain)
    text = f"{written.removesuffix(domain)}{one or domain}"
    if not PATTERN.fullmatch(text) or ".." in domain or not ("*" in domain or DOMAIN.fullmatch(one)):
        raise NotATarget(_("“%(text)s” is no pattern of addresses.") % {"text": written[:100]})
    if sum(letter.isalnum() for letter in text) < LEAST_LETTERS:
        raise NotATarget(_("“%(text)s” would cover nearly everybody.") % {"text": written[:100]})
    return Target(re.sub(r"\*+", "*", text), Covers.PATTERN, one)

"""The arguments of MAIL and RCPT: an address between angle brackets, and parameters (RFC 5321, 4.1.2; RFC 6531)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The route before an address (<@a,@b:user@c>) is obsolete and to be ignored.
_PATH = re.compile(r"\s*<(?:@[^:<>\s]*:)?([^<>\s\"]*|\"(?:[^\"\\<>]|\\.)*\"@[^<>\s\"]+)>(?:\s+(.*))?", re.DOTALL)
_BARE = re.compile(r"\s*([^<>\s\"]+@[^<>\s\"]+)(?:\s+(.*))?", re.DOTALL)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
# RFC 5321, 4.5.3.1: 64 and 255 bytes. Longer local parts than that exist.
LONGEST = 320


@dataclass(frozen=True, slots=True)
class Path:
    """An address ("" for none, as bounces have) and the parameters behind it, their names in capitals."""

    address: str
    parameters: Mapping[str, str]


def read(keyword: str, argument: str | None) -> Path | None:
    """What stands behind `keyword` (FROM: or TO:); None where it is no path."""
    text = (argument or "").lstrip()
    if text[: len(keyword)].upper() != keyword:
        return None
    text = text[len(keyword) :]
    # Some programs leave the brackets out.
    found = _PATH.fullmatch(text) or _BARE.fullmatch(text)
    if found is None:
        return None
    parameters: dict[str, str] = {}
    for word in (found[2] or "").split():
        one = _PARAMETER.fullmatch(word)
        if one is None:
            return None
        parameters[one[1].upper()] = one[2] or ""
    return Path(found[1], parameters)


def is_mailbox(address: str) -> bool:
    """Whether this can be somebody's address: a name and a domain, in bytes that are text."""
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or len(address) > LONGEST or not address.isprintable():
        return False
    try:
        address.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Addresses as people write them and as mail servers take them. One spelling of each, everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import email_validator
from email_validator import EmailNotValidError, validate_email

# The validator refuses names nobody can be reached at. Whether one is, is a question for who sends.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

# What nearly all addresses look like, and what the validator leaves as it is; it takes thirty times as long to say so.
PLAIN = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@((?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,})", re.ASCII,
)  # fmt: skip
LONGEST_LABEL, LONGEST = 63, 254


@dataclass(frozen=True, slots=True)
class Address:
    """An address that can be sent to: as a server is told it, its domain in ASCII, and without the name before it."""

    wire: str
    domain: str


class NotAnAddress(ValueError):
    """This is no address that mail can be sent to; the text says why, in a sentence."""


@lru_cache(maxsize=8192)
def read(address: str) -> Address:
    """The address as a server is told it, its domain in ASCII (IDNA 2008). Raises NotAnAddress."""
    plain = PLAIN.fullmatch(address)
    if plain and _is_short(address, plain[1]):
        return Address(address, plain[1])
    try:
        valid = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise NotAnAddress(str(error)) from None
    return Address(f"{valid.local_part}@{valid.ascii_domain}", valid.ascii_domain)


def is_plain(address: str) -> bool:
    """Whether it reads as it stands, and so for a server."""
    found = PLAIN.fullmatch(address)
    return found is not None and _is_short(address, found[1])


def _is_short(address: str, domain: str) -> bool:
    """Within the limits of RFC 5321, 4.5.3.1, and of DNS. Beyond that the validator speaks."""
    return len(address) <= LONGEST and (
        len(domain) <= LONGEST_LABEL or all(len(label) <= LONGEST_LABEL for label in domain.split("."))
    )

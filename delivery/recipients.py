"""Addresses as they are written, and as mail servers take them; and who of an order gets an email of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import email_validator
from django.conf import settings
from email_validator import EmailNotValidError, validate_email

from feeds.batch import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.orders import Group, Mailbox, Order

# Names that end in one of these lead nowhere on the internet (RFC 2606, 6761, 6762, 7686): mail to them would be tried
# for five days. An installation that has such a network of its own names it in RESERVED_DOMAINS.
RESERVED = ("arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")
# The validator's own list is shorter, and one for all.
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


def read(address: str) -> Address:
    """What to send to. Raises NotAnAddress.

    The domain is written in ASCII (IDNA 2008), whatever stands before the @: one email has one spelling everywhere.
    """
    found = _read(address)
    ending = found.domain.rpartition(".")[2]
    if ending in RESERVED and ending not in settings.RESERVED_DOMAINS:
        raise NotAnAddress(f"Names that end in .{ending} are reserved, and nobody can be reached there.")
    return found


@lru_cache(maxsize=8192)
def _read(address: str) -> Address:
    plain = PLAIN.fullmatch(address)
    if plain and _is_short(address, plain[1]):
        return Address(address, plain[1])
    try:
        valid = validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        raise NotAnAddress(str(error)) from None
    return Address(f"{valid.local_part}@{valid.ascii_domain}", valid.ascii_domain)


def _is_short(address: str, domain: str) -> bool:
    """Within the limits of RFC 5321, 4.5.3.1, and of DNS. Beyond that the validator speaks."""
    return len(address) <= LONGEST and all(len(label) <= LONGEST_LABEL for label in domain.split("."))


@dataclass(slots=True)
class Recipient:
    """One email of an order: who gets it, in which of its groups, and why it cannot be sent, or ""."""

    wire: str
    domain: str
    name: str
    group: int
    argument: str
    problem: str = ""


def expand(order: Order) -> Iterator[Recipient]:
    """Everybody who gets an email, group by group, each once in a group: as the first of to, cc and bcc they are in."""
    for number, group in enumerate(order.groups):
        seen: set[str] = set()
        for mailbox, argument in _listed(order, group):
            recipient = _recipient(mailbox, number, argument)
            known = recipient.wire.lower()
            if known not in seen:
                seen.add(known)
                yield recipient


def _listed(order: Order, group: Group) -> Iterator[tuple[Mailbox, str]]:
    for mailbox in group.to:
        yield mailbox, group.argument
    for mailbox in group.cc:
        yield mailbox, group.argument_cc
    for mailbox in (*group.bcc, *order.bcc):
        yield mailbox, group.argument_bcc


def _recipient(mailbox: Mailbox, group: int, argument: str) -> Recipient:
    written = mailbox.address.strip()
    try:
        address = read(written)
    except NotAnAddress as error:
        return Recipient(clean(written, "address").strip(), "", mailbox.name, group, argument, str(error))
    return Recipient(address.wire, address.domain, mailbox.name, group, argument)

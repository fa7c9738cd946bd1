"""Addresses as they are written, and as mail servers take them; and who of an order gets an email of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from feeds.batch import clean
from suppression import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.orders import Group, Mailbox, Order

# Names that end in one of these lead nowhere on the internet (RFC 2606, 6761, 6762, 7686): mail to them would be tried
# for five days. An installation that has such a network of its own names it in RESERVED_DOMAINS.
RESERVED = ("arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test")


def read(address: str) -> addresses.Address:
    """What to send to. Raises NotAnAddress.

    The domain is written in ASCII (IDNA 2008), whatever stands before the @: one email has one spelling everywhere.
    """
    found = addresses.read(address)
    ending = found.domain.rpartition(".")[2]
    if ending in RESERVED and ending not in settings.RESERVED_DOMAINS:
        raise addresses.NotAnAddress(f"Names that end in .{ending} are reserved, and nobody can be reached there.")
    return found


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
    except addresses.NotAnAddress as error:
        return Recipient(clean(written, "address").strip(), "", mailbox.name, group, argument, str(error))
    return Recipient(address.wire, address.domain, mailbox.name, group, argument)

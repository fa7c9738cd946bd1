"""Which addresses may be connected to on behalf of accounts: public ones, and the networks the installation allows.

Otherwise whoever may set up a relay could reach into the network this server stands in. Asked with the address that
is then connected to, so that a name cannot answer differently a moment later.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

# IPv4 inside IPv6 (RFC 6052, 2765): what is translated on the way counts as what it is translated to.
TRANSLATED = IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96")
# Python takes for public what was once for a site alone, or led to IPv4 (RFC 3879; RFC 4291, 2.5.5.1).
FORMER = IPv6Network("fec0::/10"), IPv6Network("::/96")


class Private(Exception):
    """An address that must not be connected to. The text says which, and what would allow it."""


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if any(address in network for network in TRANSLATED):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_allowed(text: str) -> bool:
    """Whether this IP address may be connected to."""
    try:
        address = _meant(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if any(address in network for network in settings.ALLOWED_NETWORKS):
        return True
    is_former = any(address in network for network in FORMER)
    return address.is_global and not address.is_multicast and not is_former


def allowed(addresses: Iterable[str]) -> list[str]:
    """Those that may be connected to. Raises Private where that is none of several."""
    given = list(addresses)
    found = [address for address in given if is_allowed(address)]
    if given and not found:
        raise Private(
            f"{given[0]} is not a public address. An administrator of the installation can allow its network"
            " (ALLOWED_NETWORKS)."
        )
    return found

"""From a transport, as it is set up, to the way it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery.models import Security, Transport
from delivery.transports.mx import Direct
from delivery.transports.provider import Through
from delivery.transports.relay import Relay

if TYPE_CHECKING:
    from delivery.transports.base import Way


def way_of(transport: Transport | None) -> Way:
    """How this transport sends; without one straight to the recipients' servers."""
    if transport is None:
        return Direct()
    if transport.kind == Transport.Kind.RELAY:
        return Relay(transport)
    if transport.kind == Transport.Kind.PROVIDER:
        return Through(transport)
    return Direct(Security(transport.security))

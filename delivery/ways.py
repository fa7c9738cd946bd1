"""The ways out of this process, one for each setting of a transport: who shares it may share connections."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from delivery.models import Security, Transport
from delivery.transports.mx import Direct
from delivery.transports.provider import Through
from delivery.transports.relay import Relay

if TYPE_CHECKING:
    from delivery.transports.base import Way

type Setting = tuple[object, ...]


def make(transport: Transport | None) -> Way:
    """The way of a transport; of none, straight to the recipients' servers."""
    if transport is None:
        return Direct()
    if transport.kind == Transport.Kind.MX:
        return Direct(Security(transport.security))
    if transport.kind == Transport.Kind.RELAY:
        return Relay(transport)
    return Through(transport)


class Ways:
    """Those that are in use. A transport that was changed has a new one, and connections of the old one end."""

    def __init__(self) -> None:
        self.made: dict[Setting, Way] = {}

    def of(self, transport: Transport | None) -> Way:
        key = _setting(transport)
        way = self.made.get(key)
        if way is None:
            if len(self.made) > 1000:
                self.made.clear()
            way = self.made[key] = make(transport)
        return way


def _setting(transport: Transport | None) -> Setting:
    if transport is None:
        return ()
    if transport.kind == Transport.Kind.MX:
        return (transport.security,)
    secrets = json.dumps(transport.secrets, sort_keys=True)
    return (transport.id, transport.kind, transport.host, transport.port, transport.security, transport.username,
            transport.provider, secrets)  # fmt: skip

"""Failed logins cost time, and a peer that goes on failing may not try for a while."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

# Guessing a key is hopeless; this is for the load, and for the people who read the log.
MOST_FAILURES = 10
WITHIN_SECONDS = 600.0
MOST_PEERS = 10_000


class Logins:
    """The failed logins of this process, by peer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def is_closed(self, peer: str) -> bool:
        """Whether this peer failed so often that it has to wait."""
        return len(self._recent(peer)) >= MOST_FAILURES

    def failed(self, peer: str) -> None:
        self._failures[peer] = [*self._recent(peer), self._clock()][-MOST_FAILURES:]
        self._failures.move_to_end(peer)
        if len(self._failures) > MOST_PEERS:
            self._failures.popitem(last=False)

    def _recent(self, peer: str) -> list[float]:
        since = self._clock() - WITHIN_SECONDS
        return [at for at in self._failures.get(peer, ()) if at > since]


def is_local(ip: str) -> bool:
    """Whether this is the machine itself."""
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False

"""Straight to the recipients' servers, as DNS names them (RFC 5321, 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery import guard, resolver
from delivery.models import Security
from delivery.transports.base import Outcome
from delivery.transports.smtp import NoServer, Rules, SmtpConnection
from delivery.transports.talk import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.models import Outgoing

PORT = 25
# A domain may name as many servers as it likes; more than this are not tried for one mail.
MOST_SERVERS = 6


class Direct:
    """The way of an account without any other one. Certificates are not asked for: few servers have one that fits."""

    def __init__(self, security: Security = Security.OPPORTUNISTIC) -> None:
        self.rules = Rules(security)

    def destination_of(self, outgoing: Outgoing) -> str:
        return outgoing.domain

    def connect(self, destination: str) -> SmtpConnection:
        return SmtpConnection(lambda: servers_of(destination), self.rules)


def servers_of(domain: str) -> Sequence[Server]:
    """The servers for a domain in the order they are tried, not empty. Raises NoServer."""
    route = resolver.route_of(domain)
    try:
        if route is not None:
            found = [Server(route[0], ip, route[1]) for ip in resolver.addresses(route[0])]
        else:
            found = _public(domain)
    except resolver.NullMX:
        raise _no_server("556", "5.1.10", f"{domain} does not take any mail (null MX)") from None
    except resolver.NoSuchName:
        raise _no_server("550", "5.1.2", f"the domain {domain} does not exist") from None
    except resolver.NoAnswer as error:
        raise _no_server("451", "4.4.3", f"the mail server of {domain} could not be looked up ({error})") from None
    except guard.Private as error:
        raise _no_server("451", "4.4.4", f"no mail server of {domain} may be connected to: {error}") from None
    if not found:
        raise _no_server("451", "4.4.4", f"the mail servers of {domain} have no addresses")
    return found


def _public(domain: str) -> list[Server]:
    hosts = resolver.mail_hosts(domain)
    found: list[Server] = []
    missing: resolver.NoAnswer | None = None
    refused: guard.Private | None = None
    for host in hosts:
        if len(found) >= MOST_SERVERS:
            break
        try:
            found += [Server(host, ip, PORT) for ip in guard.allowed(resolver.addresses(host))]
        except resolver.NoSuchName:
            if hosts == [domain]:
                raise
        except resolver.NoAnswer as error:
            missing = error
        except guard.Private as error:
            refused = error
    if not found and hosts == [domain] and not missing and not refused:
        raise resolver.NoSuchName(domain)
    if not found and (missing or refused):
        raise missing or refused  # type: ignore[misc]
    return found[:MOST_SERVERS]


def _no_server(code: str, enhanced: str, words: str) -> NoServer:
    return NoServer(Outcome(code, f"{code} {enhanced} {words}", enhanced, stage="dns"))

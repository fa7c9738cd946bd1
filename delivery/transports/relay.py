"""Through one mail server that takes the mail for everybody, such as a provider's or the one of the house."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delivery import guard, resolver
from delivery.models import Security
from delivery.transports.base import Outcome
from delivery.transports.smtp import NoServer, Rules, SmtpConnection
from delivery.transports.talk import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.models import Outgoing, Transport


class Relay:
    """A transport of the kind RELAY. Where TLS is asked for, the certificate must fit the host."""

    def __init__(self, transport: Transport) -> None:
        self.host, self.port = transport.host, transport.port
        security = Security(transport.security)
        verify = security in (Security.REQUIRED, Security.IMPLICIT)
        password = str(transport.secrets.get("password", ""))
        self.rules = Rules(security, verify, transport.username, password, dsn=True)

    def destination_of(self, outgoing: Outgoing) -> str:
        return ""

    def connect(self, destination: str) -> SmtpConnection:
        return SmtpConnection(self.servers, self.rules)

    def servers(self) -> Sequence[Server]:
        """Raises NoServer. Whatever is wrong with the relay is no fault of a recipient, and may be mended."""
        try:
            found = guard.allowed(resolver.addresses(self.host))
        except (resolver.NoSuchName, resolver.NoAnswer):
            found, why = [], f"the relay {self.host} could not be looked up"
        except guard.Private as error:
            found, why = [], f"the relay {self.host} may not be connected to: {error}"
        else:
            why = f"the relay {self.host} has no address"
        if not found:
            raise NoServer(Outcome("451", f"451 4.4.3 {why}", "4.4.3", host=self.host, stage="dns"))
        return [Server(self.host, ip, self.port) for ip in found]

"""What every way out has in common: connections that are asked to send, and what came of it, line by line."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from delivery.compose import Mail
    from delivery.models import Outgoing

ENHANCED = re.compile(r"^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(slots=True)
class Line:
    """One step of a conversation: when (milliseconds since it began), what we said and what came back.

    What we say about it ourselves stands in brackets.
    """

    at_ms: int
    said: str
    answer: str


@dataclass(slots=True)
class Outcome:
    """What came of handing one email over.

    `code` is the basic reply code, "" where the server never answered; `reply` its answer word for word, or our own
    words on what happened to the connection. `enhanced` is "" where the reply names none. `stage` is where it ended:
    dns, connect, banner, ehlo, tls, auth, mail, rcpt, data, end (of the message) or api. `connected` says whether a
    server was reached at all. `tls` is the version and cipher, "" without.
    """

    code: str
    reply: str
    enhanced: str = ""
    host: str = ""
    ip: str = ""
    tls: str = ""
    lines: list[Line] = field(default_factory=list)
    provider_id: str = ""
    stage: str = ""
    connected: bool = False

    @property
    def accepted(self) -> bool:
        return self.code.startswith("2")


class Connection(Protocol):
    """Somewhere to send mails to, one after the other. Used by one thread at a time."""

    def send(self, mail: Mail) -> Outcome:
        """Hand the mail over. Never raises for what the network or the other side does."""
        ...

    @property
    def usable(self) -> bool:
        """Whether the next mail may go the same way; otherwise close it and connect anew."""
        ...

    def close(self) -> None: ...


class Way(Protocol):
    """A transport, as settings describe it."""

    def destination_of(self, outgoing: Outgoing) -> str:
        """What mails have in common that may share a connection: the domain, or "" for all of the transport."""
        ...

    def connect(self, destination: str) -> Connection:
        """A connection that is made when the first mail is sent. Does nothing by itself, and never raises."""
        ...


def enhanced_of(reply: str) -> str:
    """The enhanced status code (RFC 3463) a reply begins with after its basic code; "" without one."""
    match = ENHANCED.match(reply)
    return match[1] if match else ""


class Clock:
    """Milliseconds since something began."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def ms(self) -> int:
        return int((time.monotonic() - self.start) * 1000)

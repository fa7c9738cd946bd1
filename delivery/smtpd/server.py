"""The listening side: who may connect, how many at once, and how all of it comes to an end."""

from __future__ import annotations

import asyncio
from collections import Counter as Counts
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from delivery.smtpd import replies
from delivery.smtpd.conversation import Conversation
from delivery.smtpd.counter import Counter
from delivery.smtpd.logins import Logins, is_local
from delivery.smtpd.work import Threads

if TYPE_CHECKING:
    from delivery.smtpd.certificate import Certificate

log = structlog.get_logger(__name__)

SECONDS_BETWEEN_LOOKS = 60.0
# What was begun is stored to its end; the supervisor kills a second and a half later.
SECONDS_TO_END = 4.0
SECONDS_TO_HEAR_IT = 0.1


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of everything: bytes of a message and of all messages in memory, seconds, counts."""

    bytes: int = 25 * 1024 * 1024
    buffered: int = 256 * 1024 * 1024
    idle: float = 300
    connections: int = 500
    per_peer: int = 100
    recipients: int = 1000
    # After the first failed login; twice as long after the second, and so on.
    login_delay: float = 1.0


class Server:
    """Takes mail until it is stopped."""

    def __init__(
        self, hostname: str, certificate: Certificate, limits: Limits | None = None, *, plain_logins: bool = False
    ) -> None:
        self.hostname = hostname
        self.certificate = certificate
        self.limits = limits or Limits()
        # Whether programs on this machine may log in without TLS.
        self.plain_logins = plain_logins
        self.threads = Threads()
        self.counter = Counter(self.threads)
        self.logins = Logins()
        self.buffered = 0
        self._conversations: set[Conversation] = set()
        self._peers: Counts[str] = Counts()
        self._listeners: list[asyncio.Server] = []
        self._looker: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, tls_port: int = 0) -> int:
        """Listen on `port`, and with TLS from the first byte on `tls_port` unless that is 0; gives the first port.

        Raises OSError.
        """
        loop = asyncio.get_running_loop()
        plain = await loop.create_server(lambda: Conversation(self), host, port)
        self._listeners.append(plain)
        if tls_port:
            context = self.certificate.context
            self._listeners.append(await loop.create_server(lambda: Conversation(self), host, tls_port, ssl=context))
        self._looker = asyncio.create_task(self._look_after_certificate())
        return int(plain.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more, tell whoever is idle, and wait a few seconds for what is being stored."""
        if self._looker is not None:
            self._looker.cancel()
        for listener in self._listeners:
            listener.close()
        deadline = asyncio.get_running_loop().time() + SECONDS_TO_END
        while self._say_goodbye() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        # What was said goes out. Nobody waits for a client to agree to the end of its encryption.
        await asyncio.sleep(SECONDS_TO_HEAR_IT)
        self.threads.close()

    @property
    def storing(self) -> int:
        """How many connections wait for their message to be stored."""
        return sum(conversation.is_storing for conversation in tuple(self._conversations))

    def _say_goodbye(self) -> bool:
        """Hang up on whoever is idle; whether somebody's message is still being stored."""
        for conversation in tuple(self._conversations):
            if not conversation.is_storing:
                conversation.hang_up(replies.STOPPING)
        return self.storing > 0

    # ---- What conversations ask and tell -------------------------------------------------------------------

    def enter(self, conversation: Conversation) -> bool:
        """Whether this connection may stay. Programs on this machine are not counted by their address."""
        ip = conversation.ip
        if len(self._conversations) >= self.limits.connections:
            return False
        if self._peers[ip] >= self.limits.per_peer and not is_local(ip):
            return False
        self._conversations.add(conversation)
        self._peers[ip] += 1
        return True

    def leave(self, conversation: Conversation) -> None:
        if conversation in self._conversations:
            self._conversations.remove(conversation)
            self._peers[conversation.ip] -= 1
            if not self._peers[conversation.ip]:
                del self._peers[conversation.ip]

    async def _look_after_certificate(self) -> None:
        """Certificates are renewed while we run: the new one holds for the next connection."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                if self.certificate.renew():
                    log.info("smtp_certificate_renewed")
            except OSError as error:
                # Among them what ssl says of a key that does not fit: half of the pair may be written yet.
                log.warning("smtp_certificate_unreadable", error=type(error).__name__)

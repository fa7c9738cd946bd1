"""A mail server for tests, in a thread on 127.0.0.1, that answers as it is told and keeps what it accepts.

    with sink(replies={"full@example.com": "452 4.2.2 Mailbox full", "slow.test": Slow(0.1), "gone.test": DROP}) as mx:
        ... deliver to mx.port ...
        assert mx.messages[0].recipients == ["bob@example.com"]

Replies go by recipient, by recipient domain, or "*" for all; a list is used up one by one, its last one stays. They
are given at RCPT; `At("data", "550 5.7.1 Spam")` gives one at another stage: connect, ehlo, mail, rcpt, data or end.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HANG = "hang"  # say nothing until the client gives up
DROP = "drop"  # close the connection without a word
DSN_OPTION = re.compile(r"\s(RET|ENVID|NOTIFY|ORCPT)=(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slow:
    """Answer after a while."""

    seconds: float
    reply: str = "250 2.1.5 OK"


@dataclass(frozen=True, slots=True)
class At:
    """Answer so at this stage instead of at RCPT."""

    stage: str
    reply: str | Slow


type Reply = str | Slow | At


@dataclass(slots=True)
class Received:
    """One message that was accepted, with what was said around it."""

    sender: str
    recipients: list[str]
    data: bytes
    options: list[str]
    dsn: dict[str, str]
    tls: bool
    username: str
    connection: int

    @property
    def parsed(self) -> EmailMessage:
        """Read by the standard library."""
        return message_from_bytes(self.data, policy=policy.default)


@dataclass
class Sink:
    """A running server. `connections` counts those made so far, `open` those that stand."""

    replies: Mapping[str, Reply | Sequence[Reply]] = field(default_factory=dict)
    tls: bool = False
    implicit_tls: bool = False
    logins: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()  # mechanisms of AUTH that are not offered
    dsn: bool = False
    pipelining: bool = False
    utf8: bool = True
    size: int = 33554432
    hostname: str = "mx.sink.test"
    port: int = 0
    messages: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    _used: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _clients: set[Any] = field(default_factory=set)

    host = "127.0.0.1"

    def reply(self, stage: str, recipient: str) -> str | Slow:
        """What is answered to this recipient at this stage; "" for the server's own answer."""
        for key in (recipient, recipient.rpartition("@")[2], "*"):
            given = self.replies.get(key)
            if given is None:
                continue
            listed = [given] if isinstance(given, str | Slow | At) else list(given)
            with self._lock:
                n = self._used.get(key, 0)
                chosen = listed[min(n, len(listed) - 1)]
                its_stage = chosen.stage if isinstance(chosen, At) else "rcpt"
                if its_stage != stage:
                    return ""
                self._used[key] = n + 1
            return chosen.reply if isinstance(chosen, At) else chosen
        return ""

    def close_connections(self) -> None:
        """Close every connection that stands, as a server does that was restarted."""
        for client in list(self._clients):
            client.drop()


class _Server(SMTP):
    """aiosmtpd, which additionally listens to its sink before every answer."""

    def __init__(self, sink: Sink, stopped: asyncio.Event, **options: Any) -> None:
        self.sink, self.stopped = sink, stopped
        self.number = 0
        self.dsn_options: dict[str, str] = {}
        self.transport: Any = None
        super().__init__(_Handler(), hostname=sink.hostname, ident="ESMTP sink", **options)

    def connection_made(self, transport: Any) -> None:
        if self.number == 0:
            self.sink.connections += 1
            self.sink.open += 1
            self.number = self.sink.connections
            self.sink._clients.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.sink._clients:
            self.sink._clients.discard(self)
            self.sink.open -= 1
        super().connection_lost(error)

    def drop(self) -> None:
        if self.transport is not None:
            self.loop.call_soon_threadsafe(self.transport.abort)

    async def _handle_client(self) -> None:
        said = self.sink.reply("connect", "*")
        if said:
            answer = await self.answer(said)
            if answer:
                await self.push(answer)
            if not answer.startswith("2"):
                self.transport.close()
                return
        await super()._handle_client()

    async def answer(self, reply: str | Slow) -> str:
        """The words of a reply, once its time has come; a drop ends the connection."""
        if isinstance(reply, Slow):
            await asyncio.sleep(reply.seconds)
            return reply.reply
        if reply == HANG:
            await self.stopped.wait()
            reply = DROP
        if reply == DROP:
            self.transport.abort()
            return ""
        return reply

    async def smtp_MAIL(self, arg: str | None) -> None:
        await super().smtp_MAIL(self._strip(arg))

    async def smtp_RCPT(self, arg: str | None) -> None:
        await super().smtp_RCPT(self._strip(arg))

    async def smtp_DATA(self, arg: str | None) -> None:
        # aiosmtpd asks its handler only once the message is there.
        recipients = self.envelope.rcpt_tos if self.envelope else []
        said = self.sink.reply("data", recipients[0] if recipients else "*")
        answer = await self.answer(said) if said else ""
        if answer.startswith("354") and not recipients:
            # As servers do that look for recipients only when the message is there.
            await self.push(answer)
            self.sink.commands.append((await self._reader.readline()).decode().rstrip())
            await self.push("554 5.5.1 No valid recipients")
        elif not said or answer.startswith("354"):
            await super().smtp_DATA(arg)
        elif answer:
            await self.push(answer)

    def _strip(self, arg: str | None) -> str | None:
        """aiosmtpd refuses the options of RFC 3461: keep them, and go on without."""
        if arg and self.sink.dsn:
            self.dsn_options |= {name.upper(): value for name, value in DSN_OPTION.findall(arg)}
            return DSN_OPTION.sub("", arg)
        return arg


class _Handler:
    """The hooks of aiosmtpd."""

    async def handle_EHLO(
        self, server: _Server, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        server.sink.commands.append(f"EHLO {hostname}")
        if said := server.sink.reply("ehlo", "*"):
            return [await server.answer(said)]
        if server.sink.dsn:
            responses.insert(1, "250-DSN")
        if server.sink.pipelining:
            responses.insert(1, "250-PIPELINING")
        return responses

    async def handle_MAIL(
        self, server: _Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        server.sink.commands.append(f"MAIL {address} {' '.join(options)}".strip())
        if server.sink.logins and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if said := server.sink.reply("mail", "*"):
            return await server.answer(said)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: _Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        server.sink.commands.append(f"RCPT {address}")
        said = server.sink.reply("rcpt", address)
        answer = await server.answer(said) if said else "250 2.1.5 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_RSET(self, server: _Server, session: Session, envelope: Envelope) -> str:
        server.sink.commands.append("RSET")
        return "250 2.0.0 OK"

    async def handle_DATA(self, server: _Server, session: Session, envelope: Envelope) -> str:
        said = server.sink.reply("end", envelope.rcpt_tos[0])
        answer = await server.answer(said) if said else "250 2.0.0 OK queued as 4cX1bF"
        if not answer.startswith("2"):
            return answer
        login: Any = session.auth_data
        secured: Any = session.ssl
        content: Any = envelope.content
        message = Received(
            envelope.mail_from or "",
            [str(recipient) for recipient in envelope.rcpt_tos],
            content,
            list(envelope.mail_options),
            dict(server.dsn_options),
            bool(secured) or server.sink.implicit_tls,
            login.login.decode() if isinstance(login, LoginPassword) else "",
            server.number,
        )
        server.dsn_options.clear()
        server.sink.messages.append(message)
        return answer


@cache
def certificate() -> Path:
    """A certificate for localhost and 127.0.0.1 that nobody vouches for but itself, with its key, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = Path(tempfile.mkdtemp(prefix="livefeeds-sink-")) / "sink.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    file.write_bytes(pem)
    return file


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    return context


def _options(sink: Sink) -> dict[str, Any]:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and sink.logins.get(given.login.decode()) == given.password.decode()
        return AuthResult(success=known, handled=False, auth_data=given if known else None)

    return {
        "data_size_limit": sink.size,
        "enable_SMTPUTF8": sink.utf8,
        "tls_context": _tls() if sink.tls else None,
        "authenticator": check if sink.logins else None,
        "auth_exclude_mechanism": sink.without,
        "auth_require_tls": sink.tls,
    }


@contextmanager
def sink(**fields: Any) -> Iterator[Sink]:
    """A server with these fields of Sink, gone after the block."""
    made = Sink(**fields)
    loop = asyncio.new_event_loop()
    stopped = asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        options = _options(made)
        server = await loop.create_server(
            lambda: _Server(made, stopped, loop=loop, **options),
            made.host,
            made.port,
            ssl=_tls() if made.implicit_tls else None,
        )
        made.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopped.wait()
        server.close()
        made_by = list(made._clients)
        for client in made_by:
            if client.transport is not None:
                client.transport.abort()
        await asyncio.sleep(0)
        others = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="sink", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise AssertionError("the sink did not start")
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()

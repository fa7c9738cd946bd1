"""One connection to a mail server, as smtplib makes it, that notes all that is said and waits for nothing for ever."""

from __future__ import annotations

import math
import smtplib
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from delivery.transports.base import Clock, Line, enhanced_of

# A reply is a few lines; whoever sends more than this is not answering.
LONGEST_REPLY = 64 * 1024


class Ended(Exception):
    """The conversation ended without an answer. The text says what happened to the connection."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect: a name (for TLS), the address that was found for it, and a port."""

    host: str
    ip: str
    port: int


@dataclass(slots=True)
class Reply:
    """A code, and the words of all lines with the codes they came with."""

    code: int
    text: str

    @property
    def whole(self) -> str:
        """The words on one line: a code that each line repeats is said once."""
        first, *more = self.text.split("\n")
        enhanced = enhanced_of(first)
        rest = (line[4:].removeprefix(enhanced).strip() for line in more)
        return " ".join([first[:3] + " " + first[4:] if first[3:4] == "-" else first, *filter(None, rest)])


class Talk(smtplib.SMTP):
    """smtplib's connection that notes what is said, and reads an answer within a time for all of it."""

    ehlo_msg = "EHLO"

    def __init__(self, server: Server, hello: str, patience: float = math.inf) -> None:
        self.lines: list[Line] = []
        self.clock = Clock()
        self.patience = patience
        self.wait(settings.SMTP_TIMEOUTS["command"])
        self.server = server
        self.secret = False
        self.last = Reply(0, "")
        self._buffer = b""
        self._limit: float | None = None
        super().__init__(local_hostname=hello, timeout=self.seconds)
        self._host = server.host  # what smtplib gives to TLS as the server's name

    def note(self, said: str) -> Line:
        line = Line(self.clock.ms(), said, "")
        self.lines.append(line)
        return line

    def begin(self) -> None:
        """A new record, for the next mail."""
        self.lines, self.clock = [], Clock()

    def open(self, implicit_tls: ssl.SSLContext | None) -> None:
        """Connect. The banner is the first answer."""
        times = settings.SMTP_TIMEOUTS
        server = self.server
        self.note(f"(connect to {server.host} [{server.ip}] port {server.port})")
        self.sock = socket.create_connection((server.ip, server.port), min(times["connect"], self.patience))
        if implicit_tls is not None:
            self.sock = implicit_tls.wrap_socket(self.sock, server_hostname=server.host)
        self._limit = None
        self.wait(times["banner"])

    def wait(self, seconds: float) -> None:
        """How long the next answers may take."""
        self.seconds = min(float(seconds), self.patience)

    def putcmd(self, cmd: str, args: str = "") -> None:
        said = f"{cmd} {args}".strip()
        if self.secret:
            head = said.split(" ")[:2] if said.upper().startswith("AUTH ") else []
            self.note(" ".join([*head, "****"]))
        else:
            self.note(said)
        super().putcmd(cmd, args)

    def send(self, s: Any) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        data = s.encode(self.command_encoding) if isinstance(s, str) else s
        self._limit_to(self.sock, self.seconds)
        self.sock.sendall(data)

    def _limit_to(self, sock: socket.socket, seconds: float) -> None:
        """Have each step of the socket end after so long. Telling it costs as much as a step, so it is told once."""
        if seconds != self._limit:
            sock.settimeout(seconds)
            self._limit = seconds

    def ask(self, *commands: str) -> list[Line]:
        """Say these at once. Each is answered by itself: by as many calls of `answer`, with the lines returned."""
        said = "".join(f"{command}\r\n" for command in commands)
        if said.count("\r") != len(commands) or said.count("\n") != len(commands):
            raise ValueError("a command is a single line")
        lines = [self.note(command) for command in commands]
        self.send(said)
        return lines

    def getreply(self) -> tuple[int, bytes]:
        reply = self.answer()
        # smtplib reads the extensions of EHLO from lines without their codes.
        plain = "\n".join(line[4:] for line in reply.text.split("\n"))
        return reply.code, plain.encode("utf-8", "surrogateescape")

    def answer(self, to: Line | None = None) -> Reply:
        """Read one reply, all of its lines; `to` is what it answers, if that is not what was said last."""
        deadline = time.monotonic() + self.seconds
        lines: list[str] = []
        size = 0
        while True:
            line = self._line(deadline)
            size += len(line)
            if size > LONGEST_REPLY or not line[:3].isdigit():
                raise Ended(f"the server's answer is not one of SMTP: {line[:200].decode(errors='replace')}")
            lines.append(line.decode("utf-8", "replace").rstrip())
            if line[3:4] != b"-":
                break
        text = "\n".join(lines)
        self.last = Reply(int(line[:3]), text)
        if to is not None or self.lines:
            (to or self.lines[-1]).answer += text
        return self.last

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if self.sock is None or left <= 0:
                raise TimeoutError
            # To the second: an answer that is there at once costs no more than reading it.
            self._limit_to(self.sock, left if self.seconds - left > 1 else self.seconds)
            more = self.sock.recv(8192)
            if not more:
                raise smtplib.SMTPServerDisconnected("the server closed the connection")
            self._buffer += more
            if len(self._buffer) > LONGEST_REPLY:
                raise Ended("the server's answer has no end")
        line, _newline, self._buffer = self._buffer.partition(b"\n")
        return line

    def starttls_with(self, context: ssl.SSLContext) -> Reply:
        """STARTTLS; what was learned before it is forgotten, and bytes sent ahead of it by anybody are thrown away."""
        self.docmd("STARTTLS")
        reply = self.last
        if reply.code == 220:
            self._buffer = b""
            assert self.sock is not None
            self.sock.settimeout(self.seconds)
            self._limit = None
            self.sock = context.wrap_socket(self.sock, server_hostname=self.server.host)
            self.helo_resp = self.ehlo_resp = None
            self.esmtp_features, self.does_esmtp = {}, False
        return reply

    def tls(self) -> str:
        if not isinstance(self.sock, ssl.SSLSocket):
            return ""
        cipher = self.sock.cipher()
        return f"{self.sock.version()} {cipher[0] if cipher else ''}".strip()


def _context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


_contexts: dict[bool, ssl.SSLContext] = {}


def context_of(verify: bool) -> ssl.SSLContext:
    """TLS as we speak it. Without `verify` it keeps out those who only listen, which is better than nothing."""
    if verify not in _contexts:
        _contexts[verify] = _context(verify)
    return _contexts[verify]

"""Mail over SMTP: one connection carries many mails, and every outcome comes with all that was said.

Where the server closed a connection that was kept open, a new one is made without anybody noticing: until a mail's
first command is answered nothing was handed over.
"""

from __future__ import annotations

import base64
import contextlib
import math
import re
import smtplib
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from delivery import tokens
from delivery.models import Security
from delivery.transports.base import Clock, Line, Outcome, enhanced_of
from delivery.transports.talk import Ended, Reply, Server, Talk, context_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from delivery.compose import Mail

# A connection that lay still for longer is made anew: servers close them, and some without saying so.
IDLE_SECONDS = 60
# Servers get suspicious of one that never ends.
MAILS_PER_CONNECTION = 200
# No further server is tried for a mail once the others have taken this long (seconds).
TRYING_SECONDS = 90
# What a conversation may end with. ValueError: a server's name that TLS cannot be spoken with.
BROKEN = (OSError, smtplib.SMTPException, Ended, ValueError)
XTEXT_UNSAFE = re.compile(r"[^!-*,-<>-~]")


class NoServer(Exception):
    """There is nowhere to connect to; `outcome` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reply)
        self.outcome = outcome


class _TLSFailed(Exception):
    """TLS, which is only welcome, could not be set up. The text says why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How to talk to it. `verify` asks for a certificate that fits the name; `dsn` for delivery reports (RFC 3461).

    No step takes longer than `patience` (seconds), where that is less than settings say.
    """

    security: Security
    verify: bool = False
    username: str = ""
    password: str = ""
    dsn: bool = False
    patience: float = math.inf


def xtext(text: str) -> str:
    """RFC 3461, 4: what options of DSN are written in."""
    return XTEXT_UNSAFE.sub(lambda found: "".join(f"+{byte:02X}" for byte in found[0].encode()), text)


class SmtpConnection:
    """A connection to the first of these servers that answers. `servers` is asked anew for each connection."""

    def __init__(self, servers: Callable[[], Sequence[Server]], rules: Rules) -> None:
        self._servers, self.rules = servers, rules
        self._talk: Talk | None = None
        self._tls = ""
        self._sent = 0
        self._used_at = 0.0
        self._no_tls: set[str] = set()

    # ---- Contract of Connection ---------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        return self._talk is not None and self._sent < MAILS_PER_CONNECTION

    def close(self) -> None:
        talk, self._talk = self._talk, None
        if talk is not None:
            with contextlib.suppress(*BROKEN):
                talk.begin()
                talk.wait(2)
                talk.docmd("QUIT")
            talk.close()

    def send(self, mail: Mail) -> Outcome:
        if self._talk is not None and (not self.usable or time.monotonic() - self._used_at > IDLE_SECONDS):
            self.close()
        if self._talk is not None:
            outcome = self._again(mail)
            if outcome is not None:
                return outcome
        opened = self._connect()
        if isinstance(opened, Outcome):
            return opened
        return self._hand_over(mail)

    # ---- Connecting ---------------------------------------------------------------------------------------

    def _connect(self) -> Outcome | None:
        """Make a connection to one of the servers, or say what came of trying all of them."""
        lines: list[Line] = []
        clock = Clock()
        outcome = Outcome("", "no mail server was found", stage="dns")
        try:
            servers = self._servers()
        except NoServer as error:
            error.outcome.lines = [Line(clock.ms(), "(look up the mail server)", error.outcome.reply)]
            return error.outcome
        for server in servers:
            talk, refused = self._try(server, lines, clock)
            if refused is None:
                self._talk, self._sent = talk, 0
                return None
            talk.close()
            outcome = refused
            # The next server would not let us in either.
            if outcome.stage == "auth" or clock.ms() > min(TRYING_SECONDS, self.rules.patience) * 1000:
                break
        return outcome

    def _try(self, server: Server, lines: list[Line], clock: Clock) -> tuple[Talk, Outcome | None]:
        """Connect to this server, and once more in plain where TLS was only welcome and failed."""
        while True:
            talk = Talk(server, settings.SMTP_HOSTNAME, self.rules.patience)
            talk.lines, talk.clock = lines, clock
            try:
                return talk, self._open(talk)
            except _TLSFailed as error:
                talk.note(f"(TLS failed: {error}; going on without)")
                talk.close()
                self._no_tls.add(server.ip)

    def _open(self, talk: Talk) -> Outcome | None:
        """Say hello, speak TLS and sign in; None where mails can follow. Raises _TLSFailed."""
        stage = "connect"
        try:
            implicit = context_of(self.rules.verify) if self.rules.security == Security.IMPLICIT else None
            talk.open(implicit)
            stage = "banner"
            reply = talk.answer()
            if reply.code != 220:
                return self._outcome(talk, reply, stage)
            talk.wait(settings.SMTP_TIMEOUTS["command"])
            stage = "ehlo"
            if not self._hello(talk):
                return self._outcome(talk, talk.last, stage)
            stage = "tls"
            refused = self._secure(talk)
            if refused is not None:
                return refused
            stage = "auth"
            return self._authenticate(talk) if self.rules.username else None
        except BROKEN as error:
            return self._broken(talk, error, stage)

    def _broken(self, talk: Talk, error: Exception, stage: str) -> Outcome:
        if stage != "tls" and not isinstance(error, ssl.SSLError):
            return self._ended(talk, error, stage)
        why = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error) or "no answer in time"
        if self.rules.security == Security.OPPORTUNISTIC:
            raise _TLSFailed(why) from None
        return self._no_encryption(talk, f"it could not be set up: {why}")

    @staticmethod
    def _hello(talk: Talk) -> bool:
        code, _words = talk.ehlo()
        if code >= 500:
            code, _words = talk.helo()
        return code == 250

    def _secure(self, talk: Talk) -> Outcome | None:
        """Speak TLS as the rules say; None where all is well."""
        rules = self.rules
        self._tls = talk.tls()
        if rules.security in (Security.NONE, Security.IMPLICIT) or talk.server.ip in self._no_tls:
            return None
        must = rules.security == Security.REQUIRED
        if not talk.has_extn("starttls"):
            return self._no_encryption(talk, "the server does not offer STARTTLS") if must else None
        reply = talk.starttls_with(context_of(rules.verify))
        if reply.code != 220:
            return self._outcome(talk, reply, "tls") if must else None
        self._tls = talk.tls()
        talk.note(f"({self._tls})")
        return None if self._hello(talk) else self._outcome(talk, talk.last, "ehlo")

    def _no_encryption(self, talk: Talk, why: str) -> Outcome:
        reply = f"TLS is required, but {why}."
        talk.note(f"({reply})")
        return self._outcome(talk, Reply(0, reply), "tls")

    def _authenticate(self, talk: Talk) -> Outcome | None:
        offered = talk.esmtp_features.get("auth", "").upper().split()
        user, password = self.rules.username, self.rules.password
        if not self._tls and self.rules.security != Security.NONE:
            return self._no_encryption(talk, "the password would travel unprotected")
        talk.secret = True
        try:
            if "PLAIN" in offered or "LOGIN" not in offered:
                code, _words = talk.docmd("AUTH", f"PLAIN {_b64(f'{chr(0)}{user}{chr(0)}{password}')}")
            else:
                code, _words = talk.docmd("AUTH", "LOGIN")
                for word in (user, password):
                    if code == 334:
                        code, _words = talk.docmd(_b64(word))
        finally:
            talk.secret = False
        return None if code == 235 else self._outcome(talk, talk.last, "auth")

    # ---- One mail -----------------------------------------------------------------------------------------

    def _again(self, mail: Mail) -> Outcome | None:
        """Send over the connection that stands; None where it turned out to be gone before anything was handed over."""
        assert self._talk is not None
        self._talk.begin()
        idle = int(time.monotonic() - self._used_at)
        self._talk.note(f"(connection kept open, mail {self._sent + 1}, idle for {idle} s)")
        outcome = self._hand_over(mail)
        gone = outcome.stage == "mail" and (not outcome.code or outcome.code == "421")
        if gone:
            self.close()
        return None if gone else outcome

    def _hand_over(self, mail: Mail) -> Outcome:
        talk = self._talk
        assert talk is not None
        self._sent += 1
        stage = "mail"
        try:
            raw = mail.signed or mail.as_bytes()
            impossible = self._impossible(talk, mail, len(raw))
            if impossible is not None:
                return impossible
            talk.command_encoding = "utf-8" if mail.needs_utf8 else "ascii"
            commands = [self._mail(talk, mail, raw), self._rcpt(talk, mail), "DATA"]
            # Who takes commands ahead of its answers gets them at once (RFC 2920): half as many waits for it.
            ahead = talk.ask(*commands) if talk.has_extn("pipelining") else []
            for stage, command in zip(("mail", "rcpt", "data"), commands, strict=True):
                talk.wait(settings.SMTP_TIMEOUTS["data" if stage == "data" else "command"])
                talk.answer(ahead.pop(0) if ahead else talk.ask(command)[0])
                if stage == "data" and talk.last.code // 100 == 2:
                    # It took nothing yet: what it says so to is something else.
                    raise Ended(f"the server's answers are out of step ({talk.last.text[:200]})")
                if talk.last.code != 354 if stage == "data" else talk.last.code // 100 != 2:
                    return self._refused(talk, stage, ahead)
            stage = "end"
            self._content(talk, raw)
        except BROKEN as error:
            outcome = self._ended(talk, error, stage)
            talk.close()
            self._talk = None
            return outcome
        self._used_at = time.monotonic()
        if talk.last.code == 421:
            self.close()
        return self._outcome(talk, talk.last, stage)

    @staticmethod
    def _content(talk: Talk, raw: bytes) -> None:
        talk.note(f"({len(raw):,} bytes of message)")
        if raw.startswith(b".") or b"\r\n." in raw:
            raw = (b"." + raw if raw.startswith(b".") else raw).replace(b"\r\n.", b"\r\n..")
        talk.send(raw + (b".\r\n" if raw.endswith(b"\r\n") else b"\r\n.\r\n"))
        talk.wait(settings.SMTP_TIMEOUTS["end"])
        talk.answer()
        talk.wait(settings.SMTP_TIMEOUTS["command"])

    def _refused(self, talk: Talk, stage: str, ahead: Sequence[Line]) -> Outcome:
        """A refusal of this one mail; the connection goes on, unless the server ends it.

        `ahead` is what was said already and is not answered yet.
        """
        outcome = self._outcome(talk, talk.last, stage)
        self._used_at = time.monotonic()
        talk.wait(settings.SMTP_TIMEOUTS["command"])
        try:
            if outcome.code == "421":
                raise Ended
            for line in ahead:
                talk.answer(line)
            if ahead and talk.last.code == 354:
                self._nothing(talk, stage)
            talk.docmd("RSET")
            if talk.last.code != 250:
                raise Ended
        except BROKEN:
            talk.close()
            self._talk = None
        return outcome

    @staticmethod
    def _nothing(talk: Talk, stage: str) -> None:
        """Nobody is to get a message, and the server waits for one: an empty one ends that (RFC 2920, 3.1)."""
        if stage == "mail":
            # It took a recipient without a sender: who knows whom an empty message would go to.
            raise Ended
        talk.note("(an empty message, to nobody)")
        talk.send(".\r\n")
        talk.answer()

    def _impossible(self, talk: Talk, mail: Mail, size: int) -> Outcome | None:
        """What the server said at its door that it cannot take."""
        if mail.needs_utf8 and not talk.has_extn("smtputf8"):
            reply = "550 5.6.7 The server does not take addresses beyond ASCII (SMTPUTF8)."
        else:
            limit = talk.esmtp_features.get("size", "")
            if not limit.isdigit() or not 0 < int(limit) < size:
                return None
            reply = f"552 5.3.4 The mail has {size:,} bytes, and the server takes {int(limit):,}."
        talk.note(f"({reply})")
        return self._outcome(talk, Reply(int(reply[:3]), reply), "mail")

    def _mail(self, talk: Talk, mail: Mail, raw: bytes) -> str:
        options = [f"MAIL FROM:<{mail.envelope_from}>"]
        if talk.has_extn("size"):
            options.append(f"SIZE={len(raw)}")
        if talk.has_extn("8bitmime") and not raw.isascii():
            options.append("BODY=8BITMIME")
        if mail.needs_utf8:
            options.append("SMTPUTF8")
        if self._reports(talk, mail):
            options += ["RET=HDRS", f"ENVID={xtext(tokens.token(mail.email_id))}"]
        return " ".join(options)

    def _rcpt(self, talk: Talk, mail: Mail) -> str:
        command = f"RCPT TO:<{mail.recipient}>"
        if self._reports(talk, mail):
            kind = "rfc822" if mail.recipient.isascii() else "utf-8"
            command += f" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={kind};{xtext(mail.recipient)}"
        return command

    def _reports(self, talk: Talk, mail: Mail) -> bool:
        return self.rules.dsn and bool(mail.email_id) and bool(talk.has_extn("dsn"))

    # ---- What came of it ----------------------------------------------------------------------------------

    def _outcome(self, talk: Talk, reply: Reply, stage: str) -> Outcome:
        return Outcome(
            code=str(reply.code) if reply.code else "",
            reply=reply.whole,
            enhanced=enhanced_of(reply.text),
            host=talk.server.host,
            ip=talk.server.ip,
            tls=self._tls,
            lines=talk.lines,
            stage=stage,
            connected=bool(reply.code) or stage != "connect",
        )

    def _ended(self, talk: Talk, error: Exception, stage: str) -> Outcome:
        """No answer: what happened to the connection, in words that stay the same from one time to the next."""
        server = talk.server
        if isinstance(error, TimeoutError):
            what = "connection timed out" if stage == "connect" else "no answer in time"
        elif isinstance(error, smtplib.SMTPServerDisconnected | ConnectionResetError | BrokenPipeError):
            what = "lost connection"
        elif isinstance(error, ConnectionRefusedError):
            what = "connection refused"
        elif isinstance(error, OSError):
            what = error.strerror or str(error) or type(error).__name__
        else:
            what = str(error) or type(error).__name__
        where = f"{server.host}[{server.ip}]:{server.port}"
        words = f"connect to {where}: {what}" if stage == "connect" else f"{what} with {where} while {WHILE[stage]}"
        talk.note(f"({what})")
        return self._outcome(talk, Reply(0, words), stage)


WHILE = {
    "banner": "receiving the initial server greeting",
    "ehlo": "performing the EHLO handshake",
    "tls": "setting up TLS",
    "auth": "signing in",
    "mail": "sending MAIL FROM",
    "rcpt": "sending RCPT TO",
    "data": "sending DATA command",
    "end": "sending end of data -- message may be sent more than once",
}


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

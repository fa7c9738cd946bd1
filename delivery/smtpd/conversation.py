"""One connection of a client: aiosmtpd's protocol, with the commands that ours differs in.

aiosmtpd logs in without waiting for anybody, knows no parameter AUTH of MAIL, counts the whole message as one silence,
and answers without enhanced codes.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from binascii import Error as NotBase64
from collections import defaultdict
from typing import TYPE_CHECKING, Any, override

import structlog
from aiosmtpd.smtp import MISSING, SMTP, TLSSetupException
from django.db import Error

from accounts.keys import Locked
from delivery import reception, submission
from delivery.smtpd import paths, replies
from delivery.smtpd.body import Body
from delivery.smtpd.logins import is_local
from delivery.smtpd.replies import reply

if TYPE_CHECKING:
    from delivery.smtpd.server import Server

log = structlog.get_logger(__name__)

MOST_FAILED_LOGINS = 3
PIECE = 256 * 1024
LONGEST_COMMAND = 4096
# Of a message that is too large this much more is read and thrown away, to tell its sender so.
DRAINED = 4


def _look_at_end(task: asyncio.Task[None]) -> None:
    """A client that is gone is no error, and asyncio tells of errors that nobody looked at."""
    if not task.cancelled():
        task.exception()


class Silent:
    """aiosmtpd asks a handler what it does not know itself; ours knows all."""

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, TLSSetupException):
            log.info("smtp_tls_failed")
            return replies.CLOSED
        # The words of an error may hold what somebody sent.
        log.error("smtp_command_broke", error=type(error).__name__)
        return replies.LATER


class Conversation(SMTP):
    """Without a login it takes mail for return-path domains alone; with one it takes mail to anybody."""

    line_length_limit = 64 * 1024
    command_size_limit = LONGEST_COMMAND
    command_size_limits = defaultdict(lambda: LONGEST_COMMAND)

    def __init__(self, server: Server) -> None:
        super().__init__(
            Silent(),
            enable_SMTPUTF8=True,
            hostname=server.hostname,
            ident="ESMTP Live Feeds",
            tls_context=server.certificate.context,
            data_size_limit=server.limits.bytes,
            timeout=server.limits.idle,
            loop=asyncio.get_running_loop(),
        )
        self.server = server
        self.ip = ""
        # Of the message that is being handed in; None before MAIL, "" for no sender.
        self.sender: str | None = None
        self.is_utf8 = False
        self.recipients: list[str] = []
        # The API key of whoever is logged in: asked again for each message, so that it can be revoked at once.
        self.key = ""
        self.failed_logins = 0
        # How much of a message is in memory because of this connection.
        self.weight = 0
        self.is_storing = False
        self.is_refused = False

    # ---- The connection -------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        # After STARTTLS the client is a stranger again (RFC 3207, 4.2).
        self.key = ""
        if self._original_transport is None:
            self.ip = (transport.get_extra_info("peername") or ("",))[0]
            if not self.server.enter(self):
                self.is_refused = True
                transport.write(replies.TOO_MANY_CONNECTIONS.encode() + b"\r\n")
                transport.close()
                return
        before = self._handler_coroutine
        super().connection_made(transport)
        if self._handler_coroutine is not None and self._handler_coroutine is not before:
            self._handler_coroutine.add_done_callback(_look_at_end)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.leave(self)
        if not self.is_refused:
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return None if self.is_refused else super().eof_received()

    def data_received(self, data: bytes) -> None:
        if not self.is_refused:
            super().data_received(data)

    def _timeout_cb(self) -> None:
        if self.is_storing:
            self._reset_timeout()
        else:
            self.hang_up(replies.IDLE)

    def hang_up(self, words: str) -> None:
        """Say why, and close the connection."""
        if self.transport is not None and not self.transport.is_closing():
            self._writer.write(words.encode() + b"\r\n")
            self.transport.close()

    def _set_post_data_state(self) -> None:
        """Begin anew with the next message: aiosmtpd calls this after DATA, RSET, HELO, EHLO and STARTTLS."""
        super()._set_post_data_state()  # type: ignore[no-untyped-call]
        self.sender, self.recipients = None, []

    @property
    def is_secret(self) -> bool:
        """Whether nobody can listen: TLS, from the first byte on or since STARTTLS."""
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    @property
    def _protocol(self) -> str:
        """The word for how a message is handed in by somebody who logged in (RFC 3848, and RFC 6531, 4.3)."""
        return f"{'UTF8SMTP' if self.is_utf8 else 'ESMTP'}{'S' if self.is_secret else ''}A"

    # ---- Commands -------------------------------------------------------------------------------------------

    @override
    async def smtp_EHLO(self, hostname: str) -> None:
        if not hostname:
            await self.push(reply(501, "5.5.4", "Say who you are: EHLO and a name."))
            return
        self._set_post_data_state()
        assert self.session is not None
        self.session.extended_smtp = True
        self.session.host_name = hostname
        offers = [self.hostname, "PIPELINING", f"SIZE {self.server.limits.bytes}", "8BITMIME", "SMTPUTF8"]
        if not self.is_secret:
            offers.append("STARTTLS")
        if self._may_log_in:
            offers.append("AUTH PLAIN LOGIN")
        offers.append("ENHANCEDSTATUSCODES")
        await self.push("\r\n".join([*(f"250-{offer}" for offer in offers), "250 HELP"]))

    @override
    async def smtp_STARTTLS(self, arg: str) -> None:
        if self.is_secret:
            await self.push(reply(503, "5.5.1", "The connection is encrypted already."))
        else:
            await super().smtp_STARTTLS(arg)

    @override
    async def smtp_VRFY(self, arg: str) -> None:
        await self.push(reply(252, "2.5.2", "Send it, and you will see."))

    @override
    async def smtp_MAIL(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        path = paths.read("FROM:", arg)
        if self.sender is not None:
            await self.push(replies.ONE_AT_A_TIME)
        elif path is None:
            await self.push(reply(501, "5.5.4", "Say it so: MAIL FROM:<address>"))
        elif path.address and not paths.is_mailbox(path.address):
            await self.push(replies.BAD_ADDRESS)
        elif wrong := self._wrong_with(path):
            await self.push(wrong)
        else:
            self.sender, self.is_utf8 = path.address, "SMTPUTF8" in path.parameters
            await self.push(replies.OK)

    def _wrong_with(self, path: paths.Path) -> str:
        """The reply to parameters of MAIL that cannot be met; "" where they can."""
        given = path.parameters
        # AUTH says whom the client believes to have written it (RFC 4954, 5), which is for nobody here.
        if not given.keys() <= {"SIZE", "BODY", "SMTPUTF8", "AUTH"}:
            return replies.BAD_PARAMETER
        size = given.get("SIZE", "0")
        if not (size.isascii() and size.isdecimal()):
            return replies.BAD_PARAMETER
        if len(size) > 12 or int(size) > self.server.limits.bytes:
            return replies.TOO_LARGE
        if given.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
            return replies.BAD_PARAMETER
        return ""

    @override
    async def smtp_RCPT(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        path = paths.read("TO:", arg)
        if self.sender is None:
            await self.push(replies.NO_SENDER)
        elif path is None:
            await self.push(reply(501, "5.5.4", "Say it so: RCPT TO:<address>"))
        elif not paths.is_mailbox(path.address):
            await self.push(replies.BAD_ADDRESS)
        elif path.parameters:
            await self.push(replies.BAD_PARAMETER)
        elif len(self.recipients) >= self.server.limits.recipients:
            await self.push(replies.TOO_MANY_RECIPIENTS)
        elif refusal := await self._refusal(path.address):
            await self.push(refusal)
        else:
            self.recipients.append(path.address)
            await self.push(replies.RECIPIENT_OK)

    async def _refusal(self, recipient: str) -> str:
        """Why mail to this recipient is not taken; "" where it is."""
        if self.key:
            return ""
        try:
            known = reception.remembered(recipient)
            if known is None:
                known = await self.server.threads.run(reception.takes, recipient)
        except Error:
            return replies.LATER
        return "" if known else replies.LOG_IN_FIRST

    # ---- The message ----------------------------------------------------------------------------------------

    @override
    async def smtp_DATA(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        if not self.recipients:
            await self.push(replies.NO_RECIPIENT if self.sender is not None else replies.NO_SENDER)
            return
        if arg:
            await self.push(reply(501, "5.5.4", "DATA stands alone."))
            return
        await self.push("354 Go on; end with a dot on a line of its own.")
        try:
            content = await self._message()
            answer = content if isinstance(content, str) else await self._store(content)
        finally:
            self.server.buffered -= self.weight
            self.weight = 0
        self._set_post_data_state()
        await self.push(answer)

    async def _message(self) -> bytes | str:
        """The whole message, or the reply to one that is not kept."""
        body, busy = Body(self.server.limits.bytes), False
        rest = None
        while rest is None:
            piece = await self._reader.read(PIECE)
            self._reset_timeout()
            self.weight += len(piece)
            self.server.buffered += len(piece)
            busy = busy or self.server.buffered > self.server.limits.buffered
            rest = body.feed(piece)
            if busy:
                body.discard()
            if not piece or body.size > DRAINED * self.server.limits.bytes:
                # Half a message, or one without an end: nothing of it is kept.
                self.hang_up(replies.TOO_LARGE)
                raise asyncio.CancelledError
        if rest:
            # Commands of the next message, which came along. The buffer is empty: we took all it had.
            self._reader.feed_data(rest)
        if body.is_too_large:
            return replies.TOO_LARGE
        return replies.BUSY if busy else body.content

    async def _store(self, content: bytes) -> str:
        """The reply once the message is kept, or why it is not."""
        self.is_storing = True
        sender, recipients = self.sender or "", self.recipients
        try:
            if not self.key:
                await self.server.threads.run(reception.receive, sender, recipients, self.ip, content)
                return reply(250, "2.0.0", "OK: kept.")
            mail = submission.Mail(self.key, self.ip, recipients, content, self.hostname, self._protocol)
            uid = await self.server.counter.hand_in(mail)
        except Locked as error:
            self.key = ""
            return reply(550, "5.7.1", error.sentence)
        except submission.Unacceptable as error:
            return reply(550, error.enhanced, str(error))
        except Error as error:
            log.warning("smtp_message_not_stored", error=type(error).__name__)
            return replies.LATER
        finally:
            self.is_storing = False
            self._reset_timeout()
        return reply(250, "2.0.0", f"OK: queued as {uid}")

    # ---- Logging in -----------------------------------------------------------------------------------------

    @property
    def _may_log_in(self) -> bool:
        return self.is_secret or (self.server.plain_logins and is_local(self.ip))

    @override
    async def smtp_AUTH(self, arg: str | None) -> None:
        if await self.check_helo_needed("EHLO"):
            return
        mechanism, _blank, initial = (arg or "").partition(" ")
        if not self._may_log_in:
            await self.push(replies.TLS_FIRST)
        elif self.key:
            await self.push(reply(503, "5.5.1", "You are logged in already."))
        elif self.sender is not None:
            await self.push(replies.ONE_AT_A_TIME)
        elif self.server.logins.is_closed(self.ip):
            self.hang_up(replies.TOO_MANY_FAILURES)
        elif mechanism.upper() == "PLAIN":
            await self._log_in(await self._plain(initial.strip()))
        elif mechanism.upper() == "LOGIN":
            await self._log_in(await self._login(initial.strip()))
        else:
            await self.push(reply(504, "5.5.4", "Log in by PLAIN or LOGIN."))

    async def _plain(self, initial: str) -> bytes | None:
        """The password; None where the client was answered already. RFC 4616: identity, name and password."""
        given = await self._decoded(initial) if initial else await self._asked("")
        if given is None:
            return None
        parts = given.split(b"\0")
        if len(parts) != 3:
            await self.push(reply(501, "5.5.2", "AUTH PLAIN takes a name and a password, each after a zero byte."))
            return None
        return parts[2]

    async def _login(self, initial: str) -> bytes | None:
        name = await self._decoded(initial) if initial else await self._asked("Username:")
        return None if name is None else await self._asked("Password:")

    async def _asked(self, question: str) -> bytes | None:
        answer = await self.challenge_auth(question)
        return None if answer is MISSING else answer

    async def _decoded(self, given: str) -> bytes | None:
        try:
            return b64decode("" if given == "=" else given, validate=True)
        except (NotBase64, ValueError):
            await self.push(reply(501, "5.5.2", "This is not base64."))
            return None

    async def _log_in(self, password: bytes | None) -> None:
        if password is None:
            return
        raw = password.decode(errors="replace").strip()
        try:
            await self.server.threads.run(submission.log_in, raw, self.ip)
        except Locked as error:
            await self._refuse_login(error.sentence)
        except Error:
            await self.push(replies.LOGIN_LATER)
        else:
            self.key = raw
            await self.push(replies.LOGGED_IN)

    async def _refuse_login(self, sentence: str) -> None:
        self.failed_logins += 1
        self.server.logins.failed(self.ip)
        log.info("smtp_login_refused", failures=self.failed_logins)
        await asyncio.sleep(self.server.limits.login_delay * self.failed_logins)
        await self.push(reply(535, "5.7.8", sentence))
        if self.failed_logins >= MOST_FAILED_LOGINS:
            self.hang_up(replies.TOO_MANY_FAILURES)

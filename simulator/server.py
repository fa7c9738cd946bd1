"""The mail servers of the simulated world, all behind one port: an SMTP server that answers as its mailboxes say."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller

from simulator.readers import letter

if TYPE_CHECKING:
    from simulator.acts import Doer
    from simulator.mailboxes import Answer, Mailboxes
    from simulator.readers import Readers

MOST_BYTES = 30 * 1024 * 1024


class Handler:
    """Takes mail for the mailboxes and lets their people read it."""

    def __init__(self, mailboxes: Mailboxes, readers: Readers, doer: Doer) -> None:
        self.mailboxes, self.readers, self.doer = mailboxes, readers, doer

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, rcpt_options: list[str]
    ) -> str:
        answer = self.mailboxes.recipient(address, time.monotonic())
        reply = await self._after(answer, server)
        if answer.accepts:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answers = [self.mailboxes.message(address) for address in envelope.rcpt_tos]
        for address, answer in zip(envelope.rcpt_tos, answers, strict=True):
            if answer.accepts:
                came = letter(envelope.mail_from or "", address, bytes(envelope.original_content))
                self.doer.plan(came, self.readers.plan(came, self.mailboxes.people[address.lower()]))
        return await self._after(answers[0], server)

    async def _after(self, answer: Answer, server: Any) -> str:
        if answer.ends:
            server.transport.abort()
        await asyncio.sleep(answer.after)
        return answer.reply


def serve(handler: Handler, port: int) -> Controller:
    """Start the servers in a thread, at this port of this machine; the caller stops them."""
    controller = Controller(
        handler, hostname="127.0.0.1", port=port, server_hostname="mx.mail.example", data_size_limit=MOST_BYTES,
        enable_SMTPUTF8=True, timeout=900,
    )  # fmt: skip
    controller.start()
    return controller

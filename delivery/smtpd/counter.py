"""Where messages are handed in: while some are being stored the next ones gather, and are stored together.

A message alone costs some twenty statements, and so do a hundred of them. Nobody waits for others to come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from django.db import Error

from delivery import submission
from delivery.smtpd.work import is_away

if TYPE_CHECKING:
    from collections.abc import Sequence

    from delivery.smtpd.work import Threads
    from delivery.submission import Mail

# One transaction has a bound: of messages, of their recipients, and of their bytes.
MOST_MAILS, MOST_RECIPIENTS, MOST_BYTES = 100, 2000, 8 * 1024 * 1024

type Waiting = tuple[Mail, asyncio.Future[str]]


class Counter:
    """Takes messages from all connections."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._waiting: deque[Waiting] = deque()
        # One at a time: two would wait for each other where the emails of an account are counted.
        self._clerk: asyncio.Task[None] | None = None

    async def hand_in(self, mail: Mail) -> str:
        """The message's uid, once it is committed.

        Raises keys.Locked, submission.Unacceptable and django.db.Error. Whoever hangs up while waiting in line has
        handed in nothing.
        """
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((mail, answer))
        if self._clerk is None or self._clerk.done():
            self._clerk = asyncio.create_task(self._serve())
        return await answer

    async def _serve(self) -> None:
        while batch := self._next():
            await self._store(batch)

    def _next(self) -> list[Waiting]:
        """Those at the head of the line, as many as may go together."""
        batch: list[Waiting] = []
        recipients = size = 0
        while self._waiting and len(batch) < MOST_MAILS:
            mail, answer = self._waiting[0]
            recipients += len(mail.recipients)
            size += len(mail.content)
            if batch and (recipients > MOST_RECIPIENTS or size > MOST_BYTES):
                break
            self._waiting.popleft()
            if not answer.done():
                batch.append((mail, answer))
        return batch

    async def _store(self, batch: Sequence[Waiting]) -> None:
        try:
            answers = await self._threads.run(submission.submit, [mail for mail, _answer in batch])
        except Exception as error:  # noqa: BLE001  (whatever it is, those who wait for an answer get it)
            if len(batch) == 1 or (isinstance(error, Error) and is_away(error)):
                for _mail, answer in batch:
                    _tell(answer, error)
                return
            # One of them is what cannot be stored: it must not take the others along.
            for one in batch:
                await self._store([one])
            return
        for (_mail, answer), told in zip(batch, answers, strict=True):
            _tell(answer, told)


def _tell(answer: asyncio.Future[str], told: str | Exception) -> None:
    if answer.done():
        return
    if isinstance(told, Exception):
        answer.set_exception(told)
    else:
        answer.set_result(told)

"""Keeps what the lanes do, the moment they do it: what was tried, and what each is about to send.

One statement, committed, for all that came up while the one before it was under way. A lane goes on sending only when
its last outcome is in it. So whenever the process ends, of what it had claimed the database knows of each email that
it was tried, or that it was not begun; and of one email a lane neither.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connection

from delivery.outcomes import Done, from_attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
# So long is waited until half of the lanes have something to write: most of a statement's cost is its own.
GATHER_SECONDS = 0.005

WRITE = """
with lane as (
    update delivery_lane l set email_id = n.email_id
    from json_to_recordset(%(lanes)s::json) as n (number smallint, email_id bigint)
    where l.mailer_id = %(mailer)s and l.number = n.number returning l.number
), attempt as (
    insert into delivery_attempt (email_id, number, account_id, transport_id, started_at, took_ms, host, ip, tls,
        verdict, final, code, reply, provider_id, interrupted, conversation)
    select * from json_to_recordset(%(attempts)s::json) as a (email_id bigint, number smallint, account_id int,
        transport_id int, started_at timestamptz, took_ms int, host text, ip text, tls text, verdict smallint,
        final bool, code text, reply text, provider_id text, interrupted bool, conversation jsonb)
    on conflict do nothing returning email_id
)
select (select count(*) from lane), (select array_agg(email_id) from attempt)
"""


@dataclass(slots=True)
class Ticket:
    """What a lane waits for before it goes on."""

    kept: threading.Event = field(default_factory=threading.Event)


class Journal(threading.Thread):
    """The thread that writes it. `settle` is given what was kept, `lost` called where nobody knows us any more."""

    def __init__(self, mailer_id: int, settle: Callable[[list[Done]], None], lost: Callable[[], None]) -> None:
        super().__init__(name="journal", daemon=True)
        self.mailer_id, self.settle, self.lost = mailer_id, settle, lost
        self.some = threading.Condition()
        self.lanes: dict[int, int | None] = {}
        self.under_way: set[int] = set()
        self.done: list[Done] = []
        self.ticket = Ticket()
        self.closed = False

    def note(self, lane: int, email_id: int | None, done: Done | None = None) -> Ticket:
        """This lane is done with one email, and is about to send another one (None: nothing)."""
        with self.some:
            self.lanes[lane] = email_id
            (self.under_way.discard if email_id is None else self.under_way.add)(lane)
            if done is not None:
                self.done.append(done)
            if len(self.lanes) == 1 or self._is_worth_it():
                self.some.notify()
            return self.ticket

    def close(self) -> None:
        """End when all is written."""
        with self.some:
            self.closed = True
            self.some.notify()

    def run(self) -> None:
        while True:
            with self.some:
                while not (self.lanes or self.closed):
                    self.some.wait()
                if not self.lanes:
                    break
                self._gather()
                lanes, done, ticket = self.lanes, self.done, self.ticket
                self.lanes, self.done, self.ticket = {}, [], Ticket()
            self._keep(lanes, done)
            ticket.kept.set()
            if done:
                self.settle(done)
        connection.close()

    def _gather(self) -> None:
        """Wait a moment where others are about to have something to write as well. Holds the lock."""
        until = time.monotonic() + GATHER_SECONDS
        while not (self._is_worth_it() or self.closed):
            if (left := until - time.monotonic()) <= 0:
                break
            self.some.wait(left)

    def _is_worth_it(self) -> bool:
        return 2 * len(self.lanes) >= len(self.under_way)

    def _keep(self, lanes: dict[int, int | None], done: list[Done]) -> None:
        """Write until it is written: what was sent must not be forgotten because the database is away."""
        told = {
            "mailer": self.mailer_id,
            "lanes": json.dumps([{"number": n, "email_id": email_id} for n, email_id in lanes.items()]),
            "attempts": json.dumps([_row(d) for d in done]),
        }
        while True:
            try:
                known, written = self._write(told)
                break
            except (DatabaseError, InterfaceError, psycopg.Error) as error:
                log.warning("journal_waits", error=str(error).partition("\n")[0])
                connection.close()
                threading.Event().wait(RETRY_SECONDS)
        if known < len(lanes):
            self.lost()
        if len(written) < len(done):
            self._replace(done, set(written))

    def _write(self, told: dict[str, Any]) -> tuple[int, Sequence[int]]:
        connection.ensure_connection()
        # Past Django's cursor, which would put the values into the text, and past its setting that nothing is
        # prepared: so it is planned once.
        connection.connection.prepare_threshold = 0
        with psycopg.Cursor(connection.connection) as cursor:
            known, written = cursor.execute(WRITE, told, prepare=True).fetchone() or (0, None)
        return known, written or ()

    def _replace(self, done: list[Done], written: set[int]) -> None:
        """Somebody else kept another outcome of the same attempt first, having taken us for dead: that one holds."""
        ours = [d for d in done if d.outgoing.email_id not in written]
        log.warning("attempts_known_already", emails=[d.outgoing.email_id for d in ours])
        done[:] = [d for d in done if d.outgoing.email_id in written]
        done += from_attempts([d.outgoing for d in ours], {})


def _row(done: Done) -> dict[str, Any]:
    return {
        "email_id": done.outgoing.email_id, "number": done.number, "account_id": done.outgoing.account_id,
        "transport_id": done.transport_id, "started_at": done.started_at.isoformat(), "took_ms": done.took_ms,
        "host": done.host, "ip": done.ip, "tls": done.tls, "verdict": int(done.verdict), "final": done.final,
        "code": done.code, "reply": done.reply, "provider_id": done.provider_id,
        "interrupted": done.outgoing.interrupted, "conversation": done.conversation,
    }  # fmt: skip

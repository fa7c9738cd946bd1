"""What attempts came to, written into the feed and the queue.

An attempt is a row first, the moment its outcome is known (`delivery.journal`). What follows from it is written here,
many at a time, and made of nothing but the attempt and the row of the queue: so that doing it twice changes nothing,
and whoever finds the attempt of a process that died can do it as well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from delivery import notices, schedule
from delivery.models import Attempt, Outgoing, Transport, Verdict, source_of
from feeds import aliases, replies
from feeds.events import Arrival, Bounce, Event, Kind
from feeds.lifecycle import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

# The stage of what ended before there was a server to speak to.
OURS = "prepare"

FINISH = "delete from delivery_outgoing where email_id = any(%s) and (claimed_by = %s or claimed_by is null)"
# Whoever came first has said it: `attempts` only grows.
PUT_BACK = """
update delivery_outgoing o set attempts = v.attempts, next_attempt_at = v.at, code = v.code, reply = v.reply,
    claimed_by = null, interrupted = false
from unnest(%s::bigint[], %s::smallint[], %s::timestamptz[], %s::text[], %s::text[]) v (email_id, attempts, at, code,
    reply)
where o.email_id = v.email_id and o.attempts < v.attempts and (o.claimed_by = %s or o.claimed_by is null)
"""


@dataclass(slots=True)
class Done:
    """An attempt whose outcome is known.

    `next_at` is None where it was the last one: because the answer is final, or `expired`, because the time is over.
    """

    outgoing: Outgoing
    number: int
    handed_over: bool
    transport_id: int | None
    started_at: datetime
    took_ms: int
    verdict: Verdict
    code: str
    reply: str
    host: str = ""
    ip: str = ""
    tls: str = ""
    provider_id: str = ""
    suppress: bool = False
    next_at: datetime | None = None
    expired: bool = False
    conversation: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def at(self) -> datetime:
        """When the outcome was known."""
        return self.started_at + timedelta(milliseconds=self.took_ms)

    @property
    def final(self) -> bool:
        return self.next_at is None


def judge(done: Done, basic: str, minutes: Sequence[int], *, stage: str = "") -> replies.Judgement:
    """Fill in what the answer comes to, and when the email is tried again: without an answer, "", it always is."""
    judgement = replies.classify(basic, done.code, done.reply, stage=stage)
    if stage == OURS:
        # Nobody answered, so nothing is said of the address or of us.
        judgement = replace(judgement, verdict=Verdict.SOFT)
    done.verdict = judgement.verdict
    done.suppress = judgement.suppress
    if not basic or not judgement.final:
        plan(done, judgement.retry_after, minutes)
    return judgement


def plan(done: Done, retry_after: timedelta | None, minutes: Sequence[int]) -> None:
    """Set when it is tried again, or that the time is over."""
    done.next_at = schedule.next_attempt(
        done.number, done.outgoing.expires_at, done.at, minutes=minutes, seed=done.outgoing.email_id,
        retry_after=retry_after,
    )  # fmt: skip
    done.expired = done.next_at is None


def event_of(done: Done) -> Event:
    """What the feed is told of it."""
    name, kind, bounce = "bounced", Kind.BOUNCED, Bounce.SOFT
    if done.verdict == Verdict.DELIVERED:
        kind, bounce = (Kind.SENT if done.handed_over else Kind.DELIVERED), Bounce.NONE
        name = kind.name.lower()
    elif not done.final:
        name, kind, bounce = "deferred", Kind.DEFERRED, Bounce.NONE
    elif done.expired:
        name = "expired"
    elif done.suppress:
        # Only what says that the address is dead puts it on the list.
        bounce = Bounce.HARD
    elif done.verdict == Verdict.BLOCK:
        name = "blocked"
    return Event(
        kind, done.outgoing.message_uid, done.outgoing.recipient, done.at, event_id=f"attempt-{done.number}",
        name=name, comment=done.reply, code=done.code, bounce=bounce, ip=done.ip,
    )  # fmt: skip


def expiry_of(outgoing: Outgoing, now: datetime) -> Event:
    """The end of an email whose time was over before it could be tried again, with the last answer there was."""
    return Event(
        Kind.BOUNCED, outgoing.message_uid, outgoing.recipient, now, event_id="expired", name="expired",
        comment=outgoing.reply, code=outgoing.code, bounce=Bounce.SOFT,
    )  # fmt: skip


def tell(events: Iterable[tuple[Outgoing, Event]], now: datetime) -> None:
    """Hand these to the feed, by account, in the caller's transaction."""
    by_account: dict[int, list[Event]] = defaultdict(list)
    for outgoing, event in events:
        by_account[outgoing.account_id].append(event)
    if by_account:
        record([Arrival(account_id, source_of(account_id), now, told) for account_id, told in by_account.items()])


def settle(batch: Sequence[Done], mailer_id: int, now: datetime) -> None:
    """Write what follows from these attempts, in one transaction. Twice is as good as once."""
    finished = [done.outgoing.email_id for done in batch if done.final]
    back = [done for done in batch if not done.final]
    with transaction.atomic(), connection.cursor() as cursor:
        tell(((done.outgoing, event_of(done)) for done in batch), now)
        name(batch)
        if finished:
            cursor.execute(FINISH, [finished, mailer_id])
        if back:
            rows = ((d.outgoing.email_id, d.number, d.next_at, d.code, d.reply) for d in back)
            cursor.execute(PUT_BACK, [*map(list, zip(*rows, strict=True)), mailer_id])
        notices.tell([done for done in batch if done.verdict == Verdict.BLOCK], now)


def name(batch: Sequence[Done]) -> None:
    """Let what a provider's webhook says of these, under the provider's own ids, be about the same emails."""
    named = [done for done in batch if done.provider_id]
    if named:
        sources = _sources({done.transport_id for done in named})
        aliases.alias(
            (sources[done.transport_id], done.provider_id, done.outgoing.recipient, done.outgoing.email_id)
            for done in named
            if done.transport_id in sources
        )


def _sources(transport_ids: Iterable[int | None]) -> dict[int | None, int]:
    rows = Transport.objects.filter(id__in=[i for i in transport_ids if i is not None]).exclude(source_id=None)
    return {transport_id: source_id for transport_id, source_id in rows.values_list("id", "source_id") if source_id}


def linked(source_ids: Collection[int]) -> Collection[int]:
    """Which of these sources are the webhooks of providers that are sent through."""
    rows = Transport.objects.filter(kind=Transport.Kind.PROVIDER, source_id__in=source_ids)
    return {source_id for source_id in rows.values_list("source_id", flat=True) if source_id}


def drop(outgoing: Iterable[Outgoing], mailer_id: int) -> None:
    """Take rows out of the queue that nothing is left to try of."""
    with connection.cursor() as cursor:
        cursor.execute(FINISH, [[row.email_id for row in outgoing], mailer_id])


def from_attempts(rows: Iterable[Outgoing], waits: Mapping[int, Mapping[str, Sequence[int]]]) -> list[Done]:
    """Those of these rows that have an attempt beyond their own count, which somebody did not live to settle.

    `waits` has the minutes between attempts of accounts that have their own, by recipient domain.
    """
    by_id = {row.email_id: row for row in rows}
    attempts = Attempt.objects.filter(email_id__in=by_id).order_by("email_id", "number")
    newest = {a.email_id: a for a in attempts if a.number > by_id[a.email_id].attempts}
    kinds = dict(Transport.objects.filter(id__in={a.transport_id for a in newest.values()}).values_list("id", "kind"))
    found = []
    for email_id, attempt in newest.items():
        row = by_id[email_id]
        verdict = Verdict(attempt.verdict)
        done = Done(
            outgoing=row, number=attempt.number, transport_id=attempt.transport_id, started_at=attempt.started_at,
            handed_over=attempt.transport_id is not None and kinds.get(attempt.transport_id) != Transport.Kind.MX,
            took_ms=attempt.took_ms, verdict=verdict, code=attempt.code, reply=attempt.reply, ip=attempt.ip,
            provider_id=attempt.provider_id, suppress=verdict == Verdict.HARD,
        )  # fmt: skip
        if attempt.final:
            done.expired = done.at >= row.expires_at and verdict in (Verdict.SOFT, Verdict.THROTTLE)
        else:
            own = waits.get(row.account_id, {})
            plan(done, replies.retry_after(attempt.reply), own.get(row.domain) or own.get("") or schedule.MINUTES)
        found.append(done)
    return found

"""The brakes of an account: emails that are accepted and wait, why, and how they go on by themselves.

What an email waits for is on its row of the queue; that it waits, and that it goes on, are events in the feed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from delivery.models import source_of
from feeds.events import Arrival, Event, Held, Kind
from feeds.lifecycle import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

# One transaction lets at most so many go on, one call of `release_due` so many in all: it is called every few seconds.
BATCH, MOST = 1000, 5000
# With fewer credits than this an account's emails are let go only as far as the credits last.
SCARCE = 10_000

RELEASED = {
    Held.CREDITS: "Released: there are credits again.",
    Held.DISABLED: "Released: the account is enabled again.",
    Held.SCHEDULED: "Released: the time it was scheduled for has come.",
    Held.THROTTLED: "Released: the recipient's server is written to again.",
}

# Which accounts hold emails back, and why: one step into the index for each, however many emails that are.
# Index: delivery_outgoing_held.
PAIRS = """
with recursive pair as (
    (select account_id, held from delivery_outgoing where held <> 0 order by account_id, held limit 1)
    union all
    select n.account_id, n.held from pair p cross join lateral (
        select account_id, held from delivery_outgoing
        where held <> 0 and (account_id, held) > (p.account_id, p.held) order by account_id, held limit 1) n)
select p.account_id, p.held, a.enabled, a.disabled_reason, a.is_metered, a.credits
from pair p join accounts_account a on a.id = p.account_id
"""
HOLD = """
update delivery_outgoing set held = %s, claimed_by = null, next_attempt_at = coalesce(%s, next_attempt_at)
where email_id = any(%s) and held = 0 returning account_id, message_uid, recipient
"""
# What is to go on to a server that was told to rest for longer meanwhile waits until then: else it would be passed over
# again every two seconds, however much that is. Index: delivery_outgoing_held.
TURN = """
with due as (
    select email_id, domain, expires_at from delivery_outgoing
    where account_id = %(account)s and held = %(held)s and (not %(timed)s or next_attempt_at <= %(now)s)
    order by next_attempt_at limit %(limit)s for update skip locked
), judged as (
    select d.email_id, case when p.slowed_until > d.expires_at then d.expires_at else p.slowed_until end as rests_until
    from due d left join delivery_pace p on %(held)s = %(throttled)s and p.transport_id is null
        and p.domain = d.domain and p.slowed_until > %(now)s and d.expires_at > %(now)s
)
update delivery_outgoing o set held = case when j.rests_until is null then %(to)s else o.held end,
    next_attempt_at = coalesce(j.rests_until, o.next_attempt_at)
from judged j where o.email_id = any(array(select email_id from due)) and o.email_id = j.email_id
returning o.account_id, o.message_uid, o.recipient, j.rests_until is not null
"""
# What may go out already and will take a credit. Index: delivery_outgoing_unpaid.
WAITING = """
select count(*) from (select from delivery_outgoing
    where account_id = %s and held = 0 and claimed_by is null and not is_paid and attempts = 0 limit %s) w
"""


@dataclass(frozen=True, slots=True)
class Brakes:
    """What of an account decides whether its emails may go out."""

    account_id: int
    enabled: bool
    disabled_reason: str
    is_metered: bool
    credits: int

    @property
    def reason(self) -> Held:
        """Why none of them may go out now, or NO."""
        if not self.enabled:
            return Held.DISABLED
        return Held.CREDITS if self.is_metered and self.credits <= 0 else Held.NO

    @property
    def sentence(self) -> str:
        """The same as the feed tells it."""
        if not self.enabled:
            return f"Held back: the account is disabled. {self.disabled_reason}".strip()
        return "Held back: the account has no credits left."


def scheduled_sentence(send_at: datetime) -> str:
    return f"Held back: scheduled for {send_at:%Y-%m-%d %H:%M} UTC."


@transaction.atomic
def hold(email_ids: Iterable[int], reason: Held, sentence: str, now: datetime, *, until: datetime | None = None) -> int:
    """Hold these emails back, free of their claims, and say so in the feed; returns how many were not held already.

    `until` is their next attempt, for reasons that end by the clock (THROTTLED, SCHEDULED).
    """
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [int(reason), until, list(email_ids)])
        rows = cursor.fetchall()
    _tell(rows, reason, sentence, now)
    return len(rows)


def release_due(now: datetime, most: int = MOST) -> int:
    """Let what is held go on where its reason has ended, in transactions of bounded size; returns how many did.

    What may still not go out for another reason is held for that one from then on. It looks at `most` emails, so there
    may be more.
    """
    with connection.cursor() as cursor:
        cursor.execute(PAIRS)
        pairs = [(Held(held), Brakes(account_id, *rest)) for account_id, held, *rest in cursor.fetchall()]
    waiting, done = [(held, brakes) for held, brakes in pairs if held != brakes.reason], 0
    while waiting and most > 0:
        # Each in its turn, so that nobody's million emails stand before somebody's one.
        share, more = max(1, min(BATCH, most // len(waiting))), []
        for held, brakes in waiting:
            limit = min(share, most, _affordable(held, brakes))
            looked, turned = _turn(held, brakes, limit, now) if limit > 0 else (0, 0)
            most, done = most - looked, done + turned
            if looked == limit > 0:
                more.append((held, brakes))
        waiting = more
    return done


def _affordable(held: Held, brakes: Brakes) -> int:
    """How many emails held for want of credits there are credits for, beside those that may go out already."""
    if held != Held.CREDITS or brakes.reason != Held.NO or not brakes.is_metered or brakes.credits > SCARCE:
        return BATCH
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [brakes.account_id, brakes.credits])
        (waiting,) = cursor.fetchone()
    return max(0, brakes.credits - int(waiting))


@transaction.atomic
def _turn(held: Held, brakes: Brakes, limit: int, now: datetime) -> tuple[int, int]:
    """Hold a batch for what now stops it, or no more; returns how many were looked at, and to how many it was done."""
    to = brakes.reason
    with connection.cursor() as cursor:
        timed = held in (Held.SCHEDULED, Held.THROTTLED)
        named: dict[str, Any] = {"to": int(to), "held": int(held), "account": brakes.account_id, "timed": timed,
                                 "now": now, "limit": limit, "throttled": int(Held.THROTTLED)}  # fmt: skip
        cursor.execute(TURN, named)
        rows = cursor.fetchall()
    turned = [row for *row, rests in rows if not rests]
    _tell(turned, to, RELEASED[held] if to == Held.NO else brakes.sentence, now)
    return len(rows), len(turned)


def _tell(rows: Iterable[Sequence[Any]], reason: Held, sentence: str, now: datetime) -> None:
    """Put it into the feed that these emails are held for this reason, or, with NO, that they go on."""
    told = defaultdict(list)
    for account_id, message_uid, recipient in rows:
        told[account_id].append(event(message_uid, recipient, reason, sentence, now))
    if told:
        record([Arrival(account_id, source_of(account_id), now, events) for account_id, events in told.items()])


def event(message_uid: str, recipient: str, reason: Held, sentence: str, now: datetime) -> Event:
    """That an email is held back from now on, or, with NO, goes on."""
    kind, word = (Kind.RELEASED, "released") if reason == Held.NO else (Kind.HELD, "held")
    event_id = f"{word}-{reason.name.lower()}-{now.isoformat()}"
    return Event(kind, message_uid, recipient, now, event_id=event_id, name=word, comment=sentence, held=reason)

"""Taking an order: in one transaction it is in the feed and in the queue, or nowhere.

The number of statements does not grow with that of recipients. After the commit the order cannot be lost: who handed
it in may be told so.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import prepared
from accounts.nudges import Nudge
from delivery import faults, holds, storage
from delivery.models import source_of
from delivery.naming import header_id
from delivery.orders import Accepted, Conflict, Idempotency, Order, Placed, Refused
from delivery.personalise import fill_header
from delivery.recipients import Recipient, expand, read
from feeds.events import Arrival, Event, Held, Kind
from feeds.lifecycle import record
from suppression.checking import stopped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from accounts.models import Account

__all__ = ["Accepted", "Conflict", "Idempotency", "Refused", "accept", "check"]

ACCEPTED = "Accepted, queued"
GIVE_UP_HOURS = 120

# Tells a mailer that something is to be sent.
nudge = Nudge("delivery.tasks.send_due")

# All that an account says about its sending. Read afresh: whoever hands in may have signed in an hour ago. Of the
# senders' domains "", or the selector of its key where nobody has proven yet that it is the account's.
ASK = """
select a.enabled, a.disabled_reason, a.is_metered, a.credits, a.content_days,
    (select jsonb_object_agg(d.name, case when d.proven_at is null and not %(trusted)s then d.selector else '' end)
        from delivery_senderdomain d where d.account_id = a.id and d.name = any(%(domains)s)),
    (select jsonb_object_agg(p.domain, p.give_up_hours) from delivery_retrypolicy p where p.account_id = a.id)
from accounts_account a where a.id = %(account)s
"""
REMEMBER = """
insert into delivery_answered (account_id, key, digest, status, body, at) values (%s, %s, %s, 202, %s, %s)
on conflict do nothing
"""
ANSWERED = "select digest, body from delivery_answered where account_id = %s and key = %s"


@dataclass(slots=True)
class Plan:
    """An order that may be taken, and what will become of it."""

    account_id: int
    order: Order
    now: datetime
    sender: str
    sender_domain: str
    recipients: Sequence[Recipient]
    held: Held
    sentence: str
    give_up: Mapping[str, int]
    content_days: int

    @property
    def first_at(self) -> datetime:
        """When it is tried first."""
        return max(self.now, self.order.send_at or self.now)

    def expires_at(self, domain: str) -> datetime:
        """Until when mail to this domain is tried."""
        hours = self.give_up.get(domain, self.give_up.get("", GIVE_UP_HOURS))
        return self.first_at + timedelta(hours=hours)

    @property
    def kept_until(self) -> datetime:
        """Until when its content is kept after there is nothing left to try."""
        if not self.content_days:
            return self.now
        last = max((self.expires_at(r.domain) for r in self.recipients if not r.problem), default=self.now)
        return last + timedelta(days=self.content_days)


def check(order: Order, account: Account, now: datetime) -> Plan:
    """What would become of this order. Reads only. Raises Refused."""
    found = faults.of(order, now)
    if found:
        raise Refused(found)
    sender, *others = [read(author.address.strip()) for author in (order.sender, *order.authors)]
    domains = sorted({author.domain for author in (sender, *others)})
    with prepared.cursor() as cursor:
        trusted = bool(settings.TRUST_SENDER_DOMAINS)
        cursor.execute(ASK, {"account": account.id, "domains": domains, "trusted": trusted})
        *brakes, content_days, known, give_up = cursor.fetchone()
    selectors = json.loads(known or "{}")
    if unknown := [faults.sender_domain(domain) for domain in domains if domain not in selectors]:
        raise Refused(unknown)
    if unproven := [faults.unproven_domain(*pair) for pair in selectors.items() if pair[1]]:
        raise Refused(unproven)
    recipients = list(expand(order))
    stops = stopped(account.id, (recipient.wire for recipient in recipients if not recipient.problem))
    for recipient in recipients:
        stop = stops.get(recipient.wire.lower())
        if stop is not None:
            recipient.problem = stop.sentence
        elif recipient.problem:
            recipient.problem = f"Email dropped: Recipient's address is invalid. {recipient.problem}"
    held, sentence = _held(order, holds.Brakes(account.id, *brakes), now)
    return Plan(account.id, order, now, sender.wire, sender.domain, recipients, held, sentence,
                json.loads(give_up or "{}"), content_days)  # fmt: skip


def _held(order: Order, brakes: holds.Brakes, now: datetime) -> tuple[Held, str]:
    """Why nothing of it goes out now. What is for later is looked at again when its time has come."""
    if order.send_at is not None and order.send_at > now:
        return Held.SCHEDULED, holds.scheduled_sentence(order.send_at)
    return brakes.reason, brakes.sentence if brakes.reason != Held.NO else ""


def accept(order: Order, account: Account, now: datetime, idempotency: Idempotency | None = None) -> Accepted:
    """Take the order and tell what became of each recipient.

    With an idempotency key that was used before the earlier answer is given again, and nothing is stored; of two
    requests at once with the same key the second waits. Raises Refused, Conflict and django.db.Error, all of them
    with nothing stored.
    """
    uid = uuid4().hex
    with transaction.atomic():
        known = _answered(account.id, uid, now, idempotency) if idempotency else None
        if known is not None:
            return Accepted(known, is_repeat=True)
        return _store([(check(order, account, now), uid)])[0]


def accept_all(orders: Sequence[tuple[Order, Account]], now: datetime) -> list[Accepted | Refused]:
    """Take several orders at the price of one, each as `accept` would; one that is refused does not stop the others.

    For whoever has many small ones at a time: the emails of an account are counted in the same rows, where one
    transaction waits for the other. Raises django.db.Error, with nothing of any of them stored.
    """
    answers: dict[int, Accepted | Refused] = {}
    plans: dict[int, tuple[Plan, str]] = {}
    with transaction.atomic():
        for n, (order, account) in enumerate(orders):
            try:
                plans[n] = check(order, account, now), uuid4().hex
            except Refused as refused:
                answers[n] = refused
        answers |= zip(plans, _store(list(plans.values())), strict=True)
    return [answers[n] for n in range(len(orders))]


def _answered(account_id: int, uid: str, now: datetime, idempotency: Idempotency) -> str | None:
    """Remember the answer; or the uid that was told before to whoever came with this key. Raises Conflict."""
    with connection.cursor() as cursor:
        while True:
            told = json.dumps({"message_id": uid})
            cursor.execute(REMEMBER, [account_id, idempotency.key, idempotency.digest, told, now])
            if cursor.rowcount:
                return None
            cursor.execute(ANSWERED, [account_id, idempotency.key])
            if (row := cursor.fetchone()) is not None:
                break
    digest, body = row
    if digest != idempotency.digest:
        raise Conflict(_("This Idempotency-Key came with another request before. Take a new key for each request."))
    return str(json.loads(body)["message_id"])


def _store(plans: Sequence[tuple[Plan, str]]) -> list[Accepted]:
    """Store what is planned, each under the uid beside it."""
    messages = [storage.add_message(plan, uid) for plan, uid in plans]
    uids = [_uids(plan.recipients, uid) for plan, uid in plans]
    arrivals = [
        Arrival(
            plan.account_id, source_of(plan.account_id), plan.now, list(_events(plan, own)), is_test=plan.order.is_test
        )
        for (plan, _uid), own in zip(plans, uids, strict=True)
    ]
    ids = record(arrivals, with_ids=True).ids
    placed = [
        [
            Placed(
                recipient.wire, ids[source_of(plan.account_id), message_uid, recipient.wire.lower()], recipient.problem
            )
            for recipient, message_uid in zip(plan.recipients, own, strict=True)
        ]
        for (plan, _uid), own in zip(plans, uids, strict=True)
    ]
    storage.queue([plan for plan, _uid in plans], messages, placed, uids)
    if any(plan.held == Held.NO for plan, _uid in plans):
        transaction.on_commit(nudge)
    return [Accepted(uid, own) for (_plan, uid), own in zip(plans, placed, strict=True)]


def _uids(recipients: Sequence[Recipient], uid: str) -> list[str]:
    """The message id of each email's events: one for all, but for an address that this order has more than once."""
    seen: Counter[str] = Counter()
    uids = []
    for recipient in recipients:
        known = recipient.wire.lower()
        seen[known] += 1
        uids.append(uid if seen[known] == 1 else f"{uid}.{seen[known]}")
    return uids


def _events(plan: Plan, uids: Sequence[str]) -> Iterator[Event]:
    """What the feed is told of each recipient: dropped, or processed and perhaps held."""
    order, now = plan.order, plan.now
    subjects = [fill_header(order.subject, group.attributes) for group in order.groups]
    for recipient, uid in zip(plan.recipients, uids, strict=True):
        kind = Kind.DROPPED if recipient.problem else Kind.PROCESSED
        word = kind.name.lower() if recipient.domain or not recipient.problem else "invalid"
        comment = recipient.problem or ("" if plan.held else ACCEPTED)
        yield Event(
            kind, uid, recipient.wire, now, event_id="dropped" if recipient.problem else "accepted", name=word,
            sender=plan.sender, subject=subjects[recipient.group], tags=order.tags, argument=recipient.argument,
            header_id=header_id(uid, recipient.wire, plan.sender_domain), comment=comment,
            code="5.1.3" if word == "invalid" else "",
        )  # fmt: skip
        if plan.held and not recipient.problem:
            yield holds.event(uid, recipient.wire, plan.held, plan.sentence, now)

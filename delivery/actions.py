"""What people do by hand with emails that are sent from here: try again now, give up, send once more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from accounts import credits as credit
from delivery import deliver, outcomes, roster
from delivery.accept import accept, nudge
from delivery.kept import order_of
from delivery.models import Message, Outgoing, source_of
from delivery.orders import Idempotency, Refused
from feeds.events import Bounce, Event, Held, Kind
from feeds.models import Email

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from accounts.models import Account

# These end by the clock, so an earlier time ends them; what else holds an email back is not for its people to end.
TIMED = (Held.NO, Held.SCHEDULED, Held.THROTTLED)


@dataclass(slots=True)
class Outcome:
    """With how many emails it was done, and why it was not with others: a sentence for each, to be translated for
    whoever reads it. `made` are the new emails, where there are any."""

    done: int = 0
    refused: list[str] = field(default_factory=list)
    made: list[int] = field(default_factory=list)


@transaction.atomic
def retry_now(account: Account, email_ids: Collection[int], now: datetime, by: str) -> Outcome:
    """Have these tried next, before their time, and tell so in the feed, with who wanted it. What holds them back for
    credits or a disabled account stays."""
    waiting = Outgoing.objects.filter(account=account, email_id__in=email_ids)
    timed = waiting.filter(held__in=TIMED, claimed_by=None, next_attempt_at__gt=now)
    rows = list(timed.order_by("email_id").select_for_update())
    done = waiting.filter(email_id__in=[row.email_id for row in rows]).update(next_attempt_at=now)
    outcomes.tell(((row, retried(row, now, by)) for row in rows), now)
    due = waiting.filter(Q(held=Held.NO), Q(next_attempt_at__lte=now) | ~Q(claimed_by=None)).count() - done
    held = waiting.exclude(held__in=TIMED).count()
    transaction.on_commit(nudge)
    gone = len(email_ids) - done - held - max(due, 0)
    return Outcome(
        done,
        [gettext_noop("It is due already, or being tried at this moment.")] * max(due, 0)
        + [gettext_noop("It is held until the account may send again.")] * held
        + [gettext_noop("Nothing is left to try of it.")] * max(gone, 0),
    )


@transaction.atomic
def give_up(account: Account, email_ids: Collection[int], now: datetime, by: str) -> Outcome:
    """Try these no more: they bounce, softly, with who decided it and the server's last answer."""
    free = Outgoing.objects.filter(account=account, email_id__in=email_ids, claimed_by=None)
    rows = list(free.select_for_update(skip_locked=True))
    credit.lock([account.pk])
    if settled := roster.settle_interrupted(rows, 0, now):
        # What was refused meanwhile is still there, with the answer; what the database refused stays as it is.
        left_over = free.select_for_update(skip_locked=True)
        rows = [row for row in left_over if not (row.interrupted and row.email_id in settled)]
    outcomes.tell(((row, given_up(row, now, by)) for row in rows), now)
    outcomes.drop(rows, 0)
    deliver.refund(rows)
    left = Outgoing.objects.filter(account=account, email_id__in=email_ids).count()
    return Outcome(
        len(rows),
        [gettext_noop("It is being tried at this moment. Give it up afterwards.")] * left
        + [gettext_noop("Nothing is left to try of it.")] * (len(email_ids) - len(rows) - left),
    )


def retried(row: Outgoing, now: datetime, by: str) -> Event:
    """That somebody had an email tried again before its time."""
    return Event(
        Kind.RETRIED, row.message_uid, row.recipient, now, event_id=f"retried-{now.isoformat()}", name="retried",
        comment=f"Tried again at once, for {by}.",
    )  # fmt: skip


def given_up(row: Outgoing, now: datetime, by: str) -> Event:
    """The end of an email that somebody gave up. The feed's own words are English, as servers' are."""
    comment = f"Given up by {by}."
    if row.reply:
        comment += f" The last answer was: {row.reply}"
    return Event(
        Kind.BOUNCED, row.message_uid, row.recipient, now, event_id="given-up", name="given up", comment=comment,
        code=row.code, bounce=Bounce.SOFT,
    )  # fmt: skip


@transaction.atomic
def resend(account: Account, email_ids: Collection[int], now: datetime, once: Idempotency | None = None) -> Outcome:
    """Hand in once more what was sent to these recipients, as new emails: each is checked, and paid for, like any.

    All recipients of one message are one order, so that a campaign costs few statements. With `once`, for the emails of
    one message, the same again does nothing, and tells the emails that were made before.
    """
    outcome = Outcome()
    emails = list(Email.objects.filter(account=account, id__in=email_ids).order_by("id"))
    outcome.refused += [gettext_noop("It is not kept any more.")] * (len(email_ids) - len(emails))
    waiting = set(Outgoing.objects.filter(email_id__in=email_ids).values_list("email_id", flat=True))
    for message, group in _by_message(account, emails, waiting, outcome):
        order = order_of(message, group)
        if order is None:
            outcome.refused += [gettext_noop("Its content is not kept any more.")] * len(group)
            continue
        try:
            accepted = accept(order, account, now, once)
        except Refused as error:
            outcome.refused += [str(error)] * len(group)
            continue
        if accepted.is_repeat:
            outcome.made += Email.objects.filter(account=account, message_id=accepted.uid).values_list("id", flat=True)
            outcome.refused += [gettext_noop("It was sent once more already: this is the new email.")] * len(group)
            continue
        outcome.done += len(accepted.recipients)
        outcome.refused += [gettext_noop("Its content is not kept any more.")] * (len(group) - len(accepted.recipients))
        outcome.made += [placed.email_id for placed in accepted.recipients]
    return outcome


def _by_message(
    account: Account, emails: Iterable[Email], waiting: Collection[int], outcome: Outcome
) -> Iterable[tuple[Message, Sequence[Email]]]:
    groups: dict[str, list[Email]] = defaultdict(list)
    for email in emails:
        if email.source_id != source_of(account.pk):
            outcome.refused.append(gettext_noop("It was not sent from here."))
        elif email.id in waiting:
            outcome.refused.append(gettext_noop("It is still being tried. Try it now, or give it up first."))
        else:
            groups[email.message_id.partition(".")[0]].append(email)
    for uid, group in groups.items():
        # One at a time: each may be as large as a message may be.
        message = Message.objects.filter(account=account, uid=uid).first()
        if message is not None:
            yield message, group
        else:
            outcome.refused += [gettext_noop("Its content is not kept any more.")] * len(group)

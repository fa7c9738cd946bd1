"""The road of an email from the queue to the recipient's server, step by step.

claim, check account, check suppression, pay     many at a time, in one transaction
compose, track, sign, send, classify             each by itself, in a lane
record                                           `delivery.journal` at once, `delivery.outcomes` many at a time
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from accounts import credits as credit
from accounts.models import Account
from delivery import compose as composing
from delivery import contents, holds, outcomes, queue, roster, schedule, signing
from delivery.destinations import Job
from delivery.models import Attempt, Transport, Verdict
from delivery.outcomes import Done
from delivery.transports.base import Outcome
from feeds import replies
from feeds.events import Event, Held, Kind
from suppression import checking
from tracking import rewriting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from delivery.compose import Mail
    from delivery.models import Outgoing
    from delivery.queue import Pair
    from delivery.routes import Book, Rules
    from delivery.transports.base import Connection

# What waited in a lane for longer than this is looked at once more before it is sent.
FRESH_SECONDS = 5.0


# ---- Many at a time ---------------------------------------------------------------------------------------


def claim(wanted: Iterable[tuple[Pair, int]], mailer_id: int, book: Book, now: datetime) -> list[Job]:
    """Take due emails for this mailer, and settle at once those that are not to be sent.

    All or nothing: what is claimed and in nobody's hands would stay so for as long as this mailer lives.
    """
    with transaction.atomic():
        rows = queue.claim(wanted, mailer_id, now)
        rules = book.of({row.account_id for row in rows})
        rows = check_secrets(rows, rules, mailer_id, now)
        metered = credit.lock({row.account_id for row in rows if not row.attempts})
        rows = check_left_over(rows, mailer_id, now)
        rows = check_account(rows, now)
        rows = check_suppression(rows, mailer_id, now)
        rows = pay(rows, metered, now)
        return jobs(rows, rules)


def check_secrets(rows: list[Outgoing], rules: Mapping[int, Rules], mailer_id: int, now: datetime) -> list[Outgoing]:
    """Leave where it is what cannot go its account's way, because a secret that takes cannot be read."""
    queue.release({row.email_id: now for row in rows if rules[row.account_id].is_locked}, mailer_id)
    return [row for row in rows if not rules[row.account_id].is_locked]


def check_left_over(rows: list[Outgoing], mailer_id: int, now: datetime) -> list[Outgoing]:
    """Settle what was sent already by a mailer that was taken for dead, and what may not be tried before its end."""
    settled = roster.settle_interrupted(rows, mailer_id, now)
    over = [row for row in rows if row.attempts and row.expires_at <= now and row.email_id not in settled]
    if over := _too_early(over, now):
        outcomes.tell(((row, outcomes.expiry_of(row, now)) for row in over), now)
        outcomes.drop(over, mailer_id)
        settled |= {row.email_id for row in over}
    return [row for row in rows if row.email_id not in settled]


def _too_early(rows: Sequence[Outgoing], now: datetime) -> list[Outgoing]:
    """Those whose server wished not to be asked again before the time of the email is over."""
    last = {
        a.email_id: a for a in Attempt.objects.filter(email_id__in=[row.email_id for row in rows]).order_by("number")
    }
    found = []
    for row in rows:
        if attempt := last.get(row.email_id):
            wish = replies.classify("", row.code, row.reply).retry_after
            if schedule.too_early(attempt.started_at + timedelta(milliseconds=attempt.took_ms), wish, now):
                found.append(row)
    return found


def check_account(rows: list[Outgoing], now: datetime) -> list[Outgoing]:
    """Hold what belongs to accounts that are disabled. One statement."""
    found = Account.objects.filter(id__in={row.account_id for row in rows}, enabled=False)
    for account in found:
        reason = f"Held back: the account is disabled. {account.disabled_reason}".strip()
        _hold([row for row in rows if row.account_id == account.id], Held.DISABLED, reason, now)
    stopped = {account.id for account in found}
    return [row for row in rows if row.account_id not in stopped]


def check_suppression(rows: list[Outgoing], mailer_id: int, now: datetime) -> list[Outgoing]:
    """Drop what goes to addresses that must not be mailed any more. One statement for each account."""
    dropped: dict[int, tuple[Outgoing, Event]] = {}
    for account_id, group in _by_account(rows).items():
        stops = checking.stopped(account_id, [row.recipient for row in group])
        for row in group:
            if stop := stops.get(row.recipient.lower()):
                dropped[row.email_id] = row, Event(
                    Kind.DROPPED, row.message_uid, row.recipient, now, event_id="dropped", name="dropped",
                    comment=stop.sentence,
                )  # fmt: skip
    if dropped:
        outcomes.tell(dropped.values(), now)
        outcomes.drop((row for row, _event in dropped.values()), mailer_id)
        refund(row for row, _event in dropped.values())
    return [row for row in rows if row.email_id not in dropped]


def pay(rows: list[Outgoing], metered: Collection[int], now: datetime) -> list[Outgoing]:
    """Take a credit for each first attempt of the accounts that are limited, and hold what there is none for."""
    unpaid = [row for row in rows if row.account_id in metered and not row.is_paid and not row.attempts]
    held: set[int] = set()
    for account_id, group in _by_account(unpaid).items():
        due = sorted(group, key=lambda row: row.next_attempt_at)
        taken = credit.take(account_id, len(due))
        queue.paid(due[:taken])
        _hold(due[taken:], Held.CREDITS, "Held back: the account has no credits left.", now)
        held |= {row.email_id for row in due[taken:]}
    return [row for row in rows if row.email_id not in held]


def refund(rows: Iterable[Outgoing]) -> None:
    """Give back what was paid for emails that nobody tried to send, as far as is known.

    The caller holds their accounts (credits.lock), and has settled what was sent by a mailer that was taken for dead.
    """
    untried = (row for row in rows if row.is_paid and not row.attempts and not row.interrupted)
    for account_id, group in _by_account(untried).items():
        credit.give_back(account_id, len(group))


def _hold(rows: list[Outgoing], reason: Held, sentence: str, now: datetime) -> None:
    if rows:
        holds.hold([row.email_id for row in rows], reason, sentence, now)


def _by_account(rows: Iterable[Outgoing]) -> dict[int, list[Outgoing]]:
    groups: dict[int, list[Outgoing]] = defaultdict(list)
    for row in rows:
        groups[row.account_id].append(row)
    return groups


def jobs(rows: list[Outgoing], rules: Mapping[int, Rules]) -> list[Job]:
    """These emails with all that sending them takes."""
    messages = contents.of({row.message_id for row in rows})
    checked = time.monotonic()
    made = []
    for row in rows:
        message, ours = messages[row.message_id], rules[row.account_id]
        made.append(Job(row, message, ours, ours.transport_of(message.sender), ours.domain_of(message.sender), checked))
    return made


# ---- Each by itself ---------------------------------------------------------------------------------------


def still_wanted(job: Job) -> bool:
    """Whether nothing came up meanwhile, for what waited in a lane. Else the next claim deals with it."""
    row = job.outgoing
    enabled = Account.objects.filter(id=row.account_id, enabled=True).exists()
    return enabled and not checking.stopped(row.account_id, [row.recipient])


def compose(job: Job) -> Mail:
    """The email as it was handed in, to this recipient. Raises ContentGone."""
    return composing.compose(job.message, job.outgoing, job.domain)


def track(job: Job, mail: Mail) -> Mail:
    """Add the pixel, the links and the way out, as far as they are wanted."""
    if mail.html is None and mail.text is None:
        return mail
    done = rewriting.tracked(
        mail.html or "", mail.text or "", amp=mail.amp or "",
        switches=job.rules.switches(job.message.sender, job.message.settings),
        email_id=job.outgoing.email_id, account_id=job.outgoing.account_id,
        host=job.domain.tracking_host if job.domain else "",
        mail_domain=composing.return_domain(job.domain),
    )  # fmt: skip
    mail.html, mail.text, mail.amp = mail.html and done.html, mail.text and done.text, mail.amp and done.amp
    # However the sender wrote their own: of these there must be one (RFC 8058, 3.1).
    ours = {name.lower() for name in done.headers}
    mail.headers = {name: value for name, value in mail.headers.items() if name.lower() not in ours} | done.headers
    return mail


def sign(job: Job, mail: Mail) -> bytes:
    """The whole message, with a DKIM signature where the sender's domain has a key. Providers make it themselves."""
    if job.transport is not None and job.transport.kind == Transport.Kind.PROVIDER:
        return b""
    whole = mail.as_bytes()
    return signing.sign(whole, job.domain) if job.domain is not None and job.domain.private_key else whole


def send(connection: Connection, mail: Mail, whole: bytes) -> Outcome:
    """Hand it over. Whatever the network does is an outcome."""
    mail.signed = whole
    return connection.send(mail)


def classify(job: Job, outcome: Outcome, started_at: datetime, took_ms: int) -> tuple[Done, replies.Judgement]:
    """What the answer comes to, and when the email is tried again."""
    done = Done(
        outgoing=job.outgoing, number=job.number, transport_id=job.transport.id if job.transport else None,
        handed_over=job.transport is not None and job.transport.kind != Transport.Kind.MX,
        started_at=started_at, took_ms=took_ms, verdict=Verdict.SOFT, code=_plain(outcome.enhanced),
        reply=_plain(outcome.reply), host=outcome.host, ip=outcome.ip, tls=outcome.tls,
        provider_id=_plain(outcome.provider_id),
        conversation=[
            {"at": line.at_ms, "said": _plain(line.said), "answer": _plain(line.answer)} for line in outcome.lines
        ],
    )  # fmt: skip
    waits = job.rules.waits(job.outgoing.domain)
    return done, outcomes.judge(done, outcome.code, waits, stage=outcome.stage)


def failed(sentence: str, *, final: bool = False) -> Outcome:
    """The outcome of an email that never came to a server, for good or for now."""
    return Outcome("550" if final else "", sentence, stage=outcomes.OURS)


def broken(error: Exception) -> Outcome:
    """The outcome of an email that something here went wrong with before it was sent."""
    return failed(f"The email could not be made ready ({type(error).__name__}).")


def shared(outcome: Outcome) -> Outcome:
    """The outcome of another email to the same destination a moment ago, for one that was not tried therefore."""
    return replace(outcome, lines=[])


def bare(outcome: Outcome, error: Exception) -> Outcome:
    """The same outcome with nothing of the answer but its code, for an answer that cannot be dealt with."""
    reply = f"{outcome.code} The answer could not be understood ({type(error).__name__}).".strip()
    return Outcome(outcome.code, reply, host=outcome.host, stage=outcome.stage, connected=outcome.connected)


def _plain(text: str) -> str:
    """What PostgreSQL can keep: without NUL, and without halves of surrogate pairs."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode(errors="replace").decode()

"""From returned mail in the inbox to events: which email it is about, and what it may change.

Anybody can write a mail that looks like a bounce, and everybody who got an email knows its Message-ID. So a mail
changes something only if it carries a token that was signed here: in the address it came to, in its envelope id, or in
what it returns of our own header (Return-Path, List-Unsubscribe). Who got an email knows its tokens, too, and can
forge a report about this one email: at worst, they keep themselves from mail. What has no token is kept and shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from delivery import bounces, tokens
from delivery.complaints import NO_COMPLAINT
from delivery.mime import wire_address
from delivery.models import source_of
from delivery.reception import KIND as KIND  # noqa: PLC0414  # who takes it in and who reads it say it alike
from delivery.reports import SUCCESSES, Kind, Report, Told
from feeds import events, inbox
from feeds.codes import Verdict
from feeds.events import Bounce, Event
from feeds.models import Email
from tracking import leaving
from tracking import tokens as links

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from feeds.models import InboxRow

# As much of a mail is shown as the source's own record of its event.
MOST_RAW = 200_000
# Where the token stands in the report itself, and in the header of ours that it returns.
TO = ("to", "delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "x-rcpt-to", "apparently-to", "cc")
OURS = ("return-path", "x-envelope-from", "envelope-from", "x-original-mail-from", "list-unsubscribe")
_LEAVE = re.compile(re.escape(links.PREFIX) + r"u/([\w-]{33})(?![\w-])")
_BY_MAIL = re.compile(r"u\+[a-z0-9]{20,60}@", re.IGNORECASE)


class Reach(models.TextChoices):
    """What a returned mail changes, and why not more. The label says it."""

    DONE = "done", _("It was matched with its email.")
    NOTHING = "nothing", _("It is about this email, and changes nothing about it.")
    STRANGER = "stranger", _("It carries no token that was signed here: anybody could have written it.")
    GONE = "gone", _("Its token is ours, but the email it names is not kept any more.")
    OTHERS = "others", _("It is about this email, but names other recipients than the one it was sent to.")
    ELSEWHERE = "elsewhere", _("It is about an email of another account, and was handed on.")


@dataclass(frozen=True, slots=True)
class Sign:
    """A mail as it was understood. `email_id` is what a token of ours in it names; `leaves`: the one to unsubscribe."""

    report: Report
    email_id: int | None
    leaves: bool = False

    @property
    def header_id(self) -> str:
        """The Message-ID of the mail it returns or answers, "" where it has none. It proves nothing."""
        return self.report.original.first("message-id").strip("<> ")[:998]


def understand(headers: Mapping[str, str], body: bytes) -> Sign:
    """What a stored mail says. Pure but for the keys of the installation."""
    report = bounces.read(body)
    to = str(headers.get("rcpt-to", ""))
    left = links.read_mailbox(to)
    if left is not None:
        return Sign(report, left.email_id, leaves=report.kind in (Kind.UNKNOWN, Kind.UNSUBSCRIBE))
    return Sign(report, next(_named(to, report), None))


def _named(to: str, report: Report) -> Iterator[int]:
    """The emails that tokens in this mail name, the surest place first."""
    for text in (to, report.envelope_id, *report.headers.every(*TO), *report.original.every(*OURS, *TO)):
        found = tokens.read(text[:1000])
        if found is not None:
            yield found
    for text in report.original.every("list-unsubscribe"):
        named = [links.read(links.Purpose.LEAVE, token) for token in _LEAVE.findall(text[:4000])]
        named += [links.read_mailbox(address) for address in _BY_MAIL.findall(text[:4000])]
        yield from (found.email_id for found in named if found is not None)


def emails_of(signs: Iterable[Sign]) -> dict[int, Email]:
    """The emails that were sent from here and are named in these mails, by id; in one query."""
    ids = {sign.email_id for sign in signs if sign.email_id is not None and sign.email_id < 2**63}
    found = Email.objects.filter(id__in=ids) if ids else Email.objects.none()
    return {email.id: email for email in found if email.source_id == source_of(email.account_id)}


def reach(sign: Sign, email: Email | None, account_id: int) -> Reach:
    """What this mail, kept for this account, changes."""
    if sign.email_id is None:
        return Reach.STRANGER
    if email is None:
        return Reach.GONE
    if email.account_id != account_id:
        return Reach.ELSEWHERE
    if sign.leaves:
        return Reach.DONE
    if sign.report.kind in (Kind.BOUNCE, Kind.DELAY, Kind.DELIVERED) and _about(sign.report, email) is None:
        return Reach.OTHERS
    return Reach.DONE if _kind(sign.report, email) is not None else Reach.NOTHING


# ---- The inbox's reader -----------------------------------------------------------------------------------


def read(row: InboxRow) -> list[Event]:
    """The events of a returned mail: one at most, none where it changes nothing."""
    body = bytes(row.body)
    sign = understand(row.headers, body)
    email = emails_of([sign]).get(sign.email_id or -1)
    if email is None or reach(sign, email, row.account_id) is not Reach.DONE:
        return []
    if sign.leaves:
        return leaving.by_mail(links.Named(email.account_id, email.id), row.received_at)
    return [_event(sign.report, email, row, body)]


def hand_on(read: Sequence[tuple[InboxRow, Sequence[Event]]]) -> None:
    """Give mail that came to another address, like that of a feedback loop, to the account whose email it is about."""
    silent = [(row, understand(row.headers, bytes(row.body))) for row, told in read if not told]
    emails = emails_of(sign for _row, sign in silent)
    for row, sign in silent:
        email = emails.get(sign.email_id or -1)
        if email is not None and email.account_id != row.account_id:
            inbox.store(
                inbox.Incoming(
                    email.account_id, source_of(email.account_id), KIND, row.received_at, row.content_type,
                    row.headers, bytes(row.body), row.is_test,
                )
            )  # fmt: skip


def _event(report: Report, email: Email, row: InboxRow, body: bytes) -> Event:
    told = _about(report, email) or Told(email.recipient)
    kind = _kind(report, email)
    assert kind is not None
    judged = told.judgement
    said = told.diagnostic or told.status or report.headers.first("subject")
    event = Event(
        kind, email.message_id, email.recipient, row.received_at, _digest(report, body), _word(report),
        comment=said, raw=body[:MOST_RAW].decode(errors="replace"),
    )  # fmt: skip
    if kind in (events.Kind.BOUNCED, events.Kind.DEFERRED, events.Kind.DELIVERED):
        event.code = judged.enhanced
    if kind is events.Kind.BOUNCED:
        # Where it was passed on to another address, it is that one which is dead.
        hard = judged.verdict is Verdict.HARD and _same(told, email.recipient)
        event.bounce = Bounce.HARD if hard else Bounce.SOFT
    return event


def _kind(report: Report, email: Email) -> events.Kind | None:
    """What becomes of the email; None where nothing does."""
    if report.kind in (Kind.BOUNCE, Kind.DELAY, Kind.DELIVERED):
        told = _about(report, email)
        if told is None:
            return None
        if told.action in SUCCESSES:
            return events.Kind.DELIVERED
        return events.Kind.DEFERRED if told.action == "delayed" else events.Kind.BOUNCED
    if report.kind is Kind.COMPLAINT:
        if report.feedback in NO_COMPLAINT:
            return None
        return events.Kind.UNSUBSCRIBED if report.feedback.startswith("opt-out") else events.Kind.SPAM
    if report.kind in (Kind.AUTO_REPLY, Kind.RECEIPT):
        return events.Kind.AUTO_REPLIED
    if report.kind is Kind.UNSUBSCRIBE:
        # A letter to where only machines write: it counts if it is the recipient's own.
        own = any(_same(told, email.recipient) for told in report.recipients)
        return events.Kind.UNSUBSCRIBED if own else None
    return None


def _about(report: Report, email: Email) -> Told | None:
    """What the report says of this email's recipient. Of one recipient alone it is about, whatever it is called."""
    same = [told for told in report.recipients if _same(told, email.recipient)]
    if same:
        return same[-1]
    return report.recipients[0] if len(report.recipients) == 1 else None


def _same(told: Told, recipient: str) -> bool:
    return wire_address(recipient).lower() in {
        wire_address(one).lower() for one in (told.address, told.original) if one
    }


def _word(report: Report) -> str:
    """What the mail itself calls it."""
    return report.feedback or str(report.kind).replace("_", "-")


def _digest(report: Report, body: bytes) -> str:
    """The same for the same mail, however often and over whichever servers it comes."""
    named = report.headers.first("message-id").strip()
    return "mail-" + blake2b(named.encode(errors="replace") if named else body, digest_size=12).hexdigest()

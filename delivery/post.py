"""The mail that came back, as pages show it: newest first, with what it is and what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import BinaryField, F, Func, IntegerField, Value
from django.utils.translation import gettext_lazy as _

from delivery import returned
from delivery.mailparts import as_text
from delivery.models import source_of
from delivery.reports import Kind
from feeds.models import InboxRow
from feeds.replies import Judgement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise

    from delivery.reports import Told
    from delivery.returned import Reach, Sign
    from feeds.models import Email

# What a mail is about stands at its beginning; a page shows no more of it than anybody reads.
LOOKED_AT, SHOWN = 64_000, 1_000_000
MOST_LETTERS = 200_000
# So many mails are looked at for a page of those that were not matched.
STEP = 100

LABELS: dict[Kind, tuple[_StrPromise, str]] = {
    Kind.BOUNCE: (_("Bounce"), "arrow-back-up"),
    Kind.DELAY: (_("Delay"), "clock"),
    Kind.DELIVERED: (_("Delivery report"), "check"),
    Kind.COMPLAINT: (_("Complaint"), "flag"),
    Kind.AUTO_REPLY: (_("Automatic reply"), "message-reply"),
    Kind.UNSUBSCRIBE: (_("Wish to get no more mail"), "user-minus"),
    Kind.RECEIPT: (_("Read receipt"), "mail-opened"),
    Kind.UNKNOWN: (_("No report"), "question-mark"),
}


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that came back. `email` is the one it was matched with or names, None where there is none."""

    id: int
    received_at: datetime
    sender: str
    to: str
    size: int
    sign: Sign
    reach: Reach
    email: Email | None

    @property
    def label(self) -> str:
        """What it is, in a word or two."""
        return str(LABELS[self.sign.report.kind][0])

    @property
    def icon(self) -> str:
        """The icon of what it is."""
        return LABELS[self.sign.report.kind][1]

    @property
    def subject(self) -> str:
        """Its own subject."""
        return self.sign.report.headers.first("subject")

    @property
    def is_matched(self) -> bool:
        """Whether it did what it says."""
        return self.reach is returned.Reach.DONE


@dataclass(frozen=True, slots=True)
class Page:
    """So many mails, newest first, and the id to go on before where there may be older ones."""

    mails: Sequence[Mail]
    older: int | None


def page(account_id: int, limit: int, before: int | None = None, *, unmatched: bool = False) -> Page:
    """The returned mail of an account, or of NOBODY; with `unmatched` only what changed nothing, of at most STEP that
    are looked at. Index: feeds_inbox_source.
    """
    most = STEP if unmatched else limit
    rows = _rows(account_id, LOOKED_AT)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.order_by("-id")[: most + 1])
    mails = _understood(found[:most])
    if not unmatched:
        return Page(mails, mails[-1].id if len(found) > most else None)
    chosen = [mail for mail in mails if not mail.is_matched]
    if len(chosen) > limit:
        return Page(chosen[:limit], chosen[limit - 1].id)
    return Page(chosen, mails[-1].id if len(found) > most else None)


@dataclass(frozen=True, slots=True)
class Opened:
    """One mail, with its text as it came; `cut` is how many bytes of it are not shown."""

    mail: Mail
    text: str
    cut: int
    told: Sequence[tuple[Told, Judgement]]
    peer: str


def opened(account_id: int, inbox_id: int) -> Opened | None:
    """This mail of the account, or of NOBODY; None where it has no such one."""
    row = _rows(account_id, SHOWN).filter(id=inbox_id).first()
    if row is None:
        return None
    mail = _understood([row])[0]
    beginning = bytes(row.beginning)[:MOST_LETTERS]  # type: ignore[attr-defined]
    told = [(one, one.judgement) for one in mail.sign.report.recipients[:100]]
    peer = str(row.headers.get("peer") or row.headers.get("file") or "")
    return Opened(mail, as_text(beginning, ""), mail.size - len(beginning), told, peer)


def _rows(account_id: int, most: int) -> QuerySet[InboxRow]:
    """The account's returned mail with so much of each body."""
    ours = InboxRow.objects.filter(account_id=account_id, source_id=source_of(account_id), kind=returned.KIND)
    beginning = Func(F("body"), Value(1), Value(most), function="substring", output_field=BinaryField())
    size = Func(F("body"), function="octet_length", output_field=IntegerField())
    return ours.defer("body").annotate(beginning=beginning, size=size)


def _understood(rows: Sequence[InboxRow]) -> list[Mail]:
    signs = [returned.understand(row.headers, bytes(row.beginning)) for row in rows]  # type: ignore[attr-defined]
    emails = returned.emails_of(signs)
    mails = []
    for row, sign in zip(rows, signs, strict=True):
        email = emails.get(sign.email_id or -1)
        found = returned.reach(sign, email, row.account_id)
        theirs = email is None or email.account_id != row.account_id
        sender = sign.report.headers.first("from") or str(row.headers.get("mail-from", ""))
        to = str(row.headers.get("rcpt-to", ""))
        size: int = row.size  # type: ignore[attr-defined]
        mails.append(Mail(row.id, row.received_at, sender, to, size, sign, found, None if theirs else email))
    return mails

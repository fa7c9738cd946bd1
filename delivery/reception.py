"""Mail that comes back: kept word for word in the inbox, for whoever reads returned mail, before it is acknowledged.

There is no spool here: a server that is told 451 keeps the message itself and tries for days, which is what the spool
does for webhooks whose senders give up after minutes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.nudges import Nudge
from delivery import tokens
from delivery.models import SenderDomain, source_of
from feeds import inbox
from feeds.inbox import Incoming
from feeds.models import Email
from tracking import tokens as links

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

KIND = "returned-mail"
# A return-path domain that was set up or removed a moment ago is known after this long.
FRESH_SECONDS = 3.0
# Nobody's: what comes to the domain of the installation without saying which email it is about.
NOBODY = 0
# Tells a worker that something came.
nudge = Nudge("feeds.tasks.read_inbox")


@dataclass(slots=True)
class _Known:
    """The return-path domains and whose they are, and when that was true."""

    accounts: Mapping[str, int] = field(default_factory=dict)
    asked_at: float | None = None


_known = _Known()


def remembered(recipient: str) -> bool | None:
    """Whether mail to this address is taken, as far as is known without asking; None where that is not."""
    if _known.asked_at is None or time.monotonic() - _known.asked_at > FRESH_SECONDS:
        return None
    return _owner(recipient) is not None


def takes(recipient: str) -> bool:
    """Whether mail to this address is taken without a login. Raises django.db.Error."""
    _ask()
    return _owner(recipient) is not None


def forget() -> None:
    """Ask anew at the next recipient."""
    _known.asked_at = None


def _ask() -> None:
    # Of a domain that is not proven no mail was sent: nothing comes back of it, and it must take nobody else's.
    domains = SenderDomain.objects.usable().exclude(return_path="")
    rows = domains.order_by("-id").values_list("return_path", "account_id")
    # Of two accounts that name the same domain, the one that had it first.
    accounts = {name.lower(): account_id for name, account_id in rows}
    if settings.RETURN_PATH_DOMAIN:
        # Whoever names it as their own: what comes back to it is about the mail of all accounts.
        accounts[settings.RETURN_PATH_DOMAIN] = NOBODY
    _known.accounts, _known.asked_at = accounts, time.monotonic()


def _owner(recipient: str) -> int | None:
    """The account of the address's domain, or of one that it is below; None where it is nobody's."""
    domain = recipient.rpartition("@")[2].rstrip(".").lower()
    while domain:
        if domain in _known.accounts:
            return _known.accounts[domain]
        domain = domain.partition(".")[2]
    return None


def receive(sender: str, recipients: Sequence[str], peer: str, content: bytes) -> list[int]:
    """Keep the message, once for each recipient; gives the ids of the inbox once all are committed.

    `sender` is "" for the bounces that are none to be bounced again. Raises django.db.Error: nothing is kept then.
    """
    now = timezone.now()
    with transaction.atomic():
        kept = [_store(sender, recipient, content, now, {"peer": peer}) for recipient in recipients]
    nudge()
    return kept


def keep(sender: str, recipient: str, content: bytes, *, otherwise: int = NOBODY, file: str = "") -> int:
    """Keep a message that another server took; `recipient` is "" where nobody knows, `file` what it was called there.

    It is the account `otherwise`'s where neither token nor domain tells. Raises django.db.Error.
    """
    kept = _store(sender, recipient, content, timezone.now(), {"file": file} if file else {}, otherwise)
    nudge()
    return kept


def _store(
    sender: str, recipient: str, content: bytes, now: datetime, more: Mapping[str, str], otherwise: int = NOBODY
) -> int:
    account_id = _account_of(recipient) or otherwise
    headers = {"mail-from": sender, "rcpt-to": recipient, **more}
    return inbox.store(Incoming(account_id, source_of(account_id), KIND, now, "message/rfc822", headers, content))


def _account_of(recipient: str) -> int:
    """Whose email the token in the address names, of a bounce or of an unsubscription; else whose domain it is."""
    leaving = links.read_mailbox(recipient)
    if leaving is not None:
        return leaving.account_id
    email_id = tokens.read(recipient)
    if email_id is not None:
        account_id = Email.objects.filter(id=email_id).values_list("account_id", flat=True).first()
        if account_id is not None:
            return account_id
    if remembered(recipient) is None:
        _ask()
    return _owner(recipient) or NOBODY

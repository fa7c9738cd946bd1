"""Unsubscribing: by the page, by the mail program's button, by mail; and taking back a mistaken click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core import signing
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from feeds.models import Email
from suppression.models import Cause, Reason
from suppression.targets import of_address
from tracking import hits, reading
from tracking.hits import Hit, What
from tracking.undoing import AS_ONE, UNDO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from feeds.events import Event
    from tracking.tokens import Named

SALT = "tracking.undo"


def keep(
    what: What, named: Named, at: datetime, method: str, ip: str, headers: Mapping[str, str], undoes: str = ""
) -> Hit:
    """Keep that somebody did this at the page. Raises OSError where it could not be written anywhere."""
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    hit = hits.hit(what, named, at.timestamp(), method, ip, raw)._replace(undoes=undoes)
    hits.keep([hit])
    return hit


def undo_token(left: Hit) -> str:
    """What takes back this unsubscription, for as long as UNDO."""
    return signing.dumps([left.account_id, left.email_id, left.id], salt=SALT)


def undone_by(named: Named, token: str) -> str | None:
    """The id of the unsubscription from this email that a token takes back; None where it is no good, or not any
    more."""
    try:
        account_id, email_id, left = signing.loads(token, salt=SALT, max_age=UNDO)
    except (signing.BadSignature, ValueError):
        return None
    return str(left) if (account_id, email_id) == (named.account_id, named.email_id) else None


def had_left(named: Named, now: datetime) -> bool:
    """Whether the recipient was on the list before this, because they unsubscribed. Raises django.db.Error."""
    recipient = Email.objects.filter(id=named.email_id, account_id=named.account_id).values_list("recipient", flat=True)
    on_the_list = Cause.objects.filter(
        suppression__account=named.account_id, suppression__reason=Reason.UNSUBSCRIBED, at__lt=now - AS_ONE
    )
    return any(on_the_list.filter(suppression__target=of_address(address).text).exists() for address in recipient)


def by_mail(named: Named, at: datetime) -> list[Event]:
    """The event of a mail to the address that unsubscribes (`tokens.read_mailbox`), for whoever reads that mail.

    Nothing where the email is not kept any more.
    """
    email = Email.objects.filter(id=named.email_id, account_id=named.account_id).first()
    if email is None:
        return []
    received = int(at.timestamp() * 1000)
    return [reading.event_of(Hit(f"mail {received}", What.LEAVE, named.account_id, named.email_id, received), email)]


# ---- What the page says -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of the page in one language: before and after."""

    title: str
    text: str
    done: str


def default_words() -> Words:
    """Our own words, in the language of the page."""
    return Words(
        _("Unsubscribe"),
        _("Do you want to get no more emails from this sender? Press the button to confirm."),
        _("You will get no more of these emails."),
    )


def words(texts: Mapping[str, Mapping[str, str]]) -> Words:
    """What an account says in the language of the page, or else we."""
    ours, said = default_words(), texts.get(get_language() or "", {})
    return Words(*(said.get(name) or getattr(ours, name) for name in Words.__slots__))

"""Unsubscribing: by the page, by the mail program's button, by mail; and taking back a mistaken click."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core import signing
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from feeds.events import Event
from feeds.models import Email
from tracking import hits, reading
from tracking.hits import Hit, What
from tracking.tokens import Named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# So long a mistaken click can be taken back, by who has the page it made.
UNDO = timedelta(hours=1)
SALT = "tracking.undo"


def keep(what: What, named: Named, at: datetime, method: str, ip: str, headers: Mapping[str, str]) -> None:
    """Keep that somebody did this at the page. Raises OSError where it could not be written anywhere."""
    raw = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    hits.keep([hits.hit(what, named, at.timestamp(), method, ip, raw)])


def undo_token(named: Named) -> str:
    """What takes back unsubscribing from this email, for as long as UNDO."""
    return signing.dumps([named.account_id, named.email_id], salt=SALT)


def may_undo(named: Named, token: str) -> bool:
    """Whether this is the token of that email, and still good."""
    try:
        return bool(signing.loads(token, salt=SALT, max_age=UNDO) == [named.account_id, named.email_id])
    except signing.BadSignature:
        return False


def by_mail(named: Named, at: datetime) -> list[Event]:
    """The event of a mail to the address that unsubscribes (`tokens.read_mailbox`), for whoever reads that mail.

    Nothing where the email is not kept any more.
    """
    email = Email.objects.filter(id=named.email_id, account_id=named.account_id).first()
    if email is None:
        return []
    hit = Hit("mail", What.LEAVE, named.account_id, named.email_id, int(at.timestamp() * 1000))
    return [reading.event_of(hit, email, reading.generations([hit]))]


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

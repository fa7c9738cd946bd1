"""Mail that an application hands in by SMTP: from the bytes it sent to an order, like any other.

An API key lets it in. The message stays as it is, but for the headers that are meant for us.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils import timezone, translation

from accounts import keys
from accounts.keys import Scope
from delivery import handed
from delivery.accept import accept_all
from delivery.models import Origin
from delivery.orders import Group, Mailbox, Order, Passage, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from accounts.models import Account

# What Netcore's SMTP understands and takes out, and who nobody may read of.
ARGUMENT, TAGS = "x-apiheader", "x-tags"
OURS = (ARGUMENT, TAGS, "bcc", "resent-bcc")
LONGEST_ARGUMENT = 255
# RFC 5321, 6.3: more than this many servers have passed it on.
MOST_HOPS = 100


class Unacceptable(Exception):
    """This message will not be sent, however often it comes. The text says why; `enhanced` is RFC 3463's code."""

    def __init__(self, enhanced: str, sentence: str) -> None:
        super().__init__(sentence)
        self.enhanced = enhanced


def log_in(raw_key: str, ip: str) -> None:
    """That this key may send from this address. Raises keys.Locked and django.db.Error."""
    with translation.override("en"):
        keys.unlock(raw_key, Scope.SEND, ip, timezone.now())


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it was handed in: by whom and from where, for whom, its bytes, to which server and by which protocol
    (RFC 3848)."""

    raw_key: str = field(repr=False)
    ip: str
    recipients: Sequence[str]
    content: bytes = field(repr=False)
    hostname: str
    protocol: str


def submit(mails: Sequence[Mail]) -> list[str | keys.Locked | Unacceptable]:
    """Accept each of these for its recipients, an email for each; gives their uids once all of it is committed.

    In the place of one that is not accepted stands why. Raises django.db.Error: nothing of any of them is kept then.
    """
    now = timezone.now()
    answers: dict[int, str | keys.Locked | Unacceptable] = {}
    orders: dict[int, tuple[Order, Account]] = {}
    opened: dict[tuple[str, str], keys.KeyAccess] = {}
    # Replies are for programs and their authors, who do not say which language they read.
    with translation.override("en"):
        for n, mail in enumerate(mails):
            try:
                orders[n] = _ordered(mail, now, opened)
            except (keys.Locked, Unacceptable) as error:
                answers[n] = error
        for n, answer in zip(orders, accept_all(list(orders.values()), now), strict=True):
            answers[n] = _unacceptable(answer) if isinstance(answer, Refused) else answer.uid
    return [answers[n] for n in range(len(mails))]


def _ordered(mail: Mail, now: datetime, opened: dict[tuple[str, str], keys.KeyAccess]) -> tuple[Order, Account]:
    """What is ordered, and by whom; `opened` has the keys that were asked at this moment already.

    Raises keys.Locked where the key does not open any more, and Unacceptable.
    """
    who = mail.raw_key, mail.ip
    if who not in opened:
        opened[who] = keys.unlock(mail.raw_key, Scope.SEND, mail.ip, now)
    access = opened[who]
    order = order_of(mail.content, mail.recipients)
    order.key_id = access.key.pk
    only = mail.recipients[0] if len(mail.recipients) == 1 and mail.recipients[0].isascii() else ""
    order.passage = Passage(mail.hostname, mail.protocol, only)
    return order, access.account


def order_of(content: bytes, recipients: Sequence[str]) -> Order:
    """What the message and its envelope ask for. Raises Unacceptable."""
    message = handed.read(content)
    authors = message.mailboxes("from")
    if not authors:
        raise Unacceptable("5.6.0", "The message does not say who it is from: give it a header From with an address.")
    if message.count("from") > 1:
        # A mail program may show the one that nobody looked at (RFC 5322, 3.6: exactly one).
        raise Unacceptable("5.6.0", "The message has several From headers: leave the one it is from.")
    senders = message.mailboxes("sender")
    if len(authors) > 1 and not senders:
        # RFC 5322, 3.6.2.
        sentence = "The header From names several people: say in a header Sender which of them sends it, or leave one."
        raise Unacceptable("5.6.0", sentence)
    if message.count("received") > MOST_HOPS:
        raise Unacceptable("5.4.6", f"Over {MOST_HOPS} servers have passed this message on: it goes round in a circle.")
    argument = message.text(ARGUMENT)
    if len(argument) > LONGEST_ARGUMENT:
        raise Unacceptable("5.6.0", f"X-APIHEADER may have {LONGEST_ARGUMENT} characters: shorten it.")
    return Order(
        sender=authors[0],
        subject=message.text("subject"),
        groups=[Group(to=[Mailbox(recipient)], argument=argument) for recipient in recipients],
        tags=[tag for tag in (word.strip() for word in message.text(TAGS).split(",")) if tag],
        origin=Origin.SMTP,
        raw=message.without(OURS).as_bytes(),
        authors=[*authors[1:], *senders] if len(authors) > 1 else (),
    )


def _unacceptable(refused: Refused) -> Unacceptable:
    # 5.7.1: who may send what is a matter of policy; 5.6.0: the message itself is at fault.
    enhanced = "5.7.1" if any(fault.field.startswith("from") for fault in refused.faults) else "5.6.0"
    return Unacceptable(enhanced, " ".join(f"{fault.sentence} {fault.description}" for fault in refused.faults))

"""What somebody wants sent, however they handed it in, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from delivery.models import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as it was given, and whose it is."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file, decoded."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Passage:
    """How a message came by SMTP: to which server, by which protocol (RFC 3848), and for whom ("" for several)."""

    hostname: str
    protocol: str
    recipient: str


@dataclass(slots=True)
class Group:
    """Who gets the same email: `to` and `cc` see each other, `bcc` sees them and is seen by nobody.

    `attributes` fill the placeholders, `headers` and `attachments` come on top of the order's own. The arguments are
    what the sender recognises the emails by, for each kind of recipient.
    """

    to: Sequence[Mailbox]
    cc: Sequence[Mailbox] = ()
    bcc: Sequence[Mailbox] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Attached] = ()
    argument: str = ""
    argument_cc: str = ""
    argument_bcc: str = ""


@dataclass(slots=True)
class Order:
    """One message for any number of groups of recipients.

    `send_at` is aware, None for now. `bcc` gets a copy of each group's email. `settings` are the switches of this
    message alone. `raw` is a whole message (RFC 5322) that takes the place of texts, headers and attachments; subject
    and sender are still named here, for the feed, and `groups` are its envelope. Whoever else it names as its author
    is in `authors`: all of them have to be of the account. `passage` is to be told in its header.
    """

    sender: Mailbox
    subject: str
    groups: Sequence[Group]
    reply_to: str = ""
    html: str = ""
    text: str = ""
    amp: str = ""
    attachments: Sequence[Attached] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    settings: Mapping[str, bool] = field(default_factory=dict)
    send_at: datetime | None = None
    origin: Origin = Origin.API
    key_id: int | None = None
    raw: bytes | None = field(default=None, repr=False)
    is_test: bool = False
    bcc: Sequence[Mailbox] = ()
    authors: Sequence[Mailbox] = ()
    passage: Passage | None = None


class Fault(NamedTuple):
    """What is wrong with one field of an order: where (as in the JSON of the API), what, and what to do about it."""

    field: str
    sentence: str
    description: str


class Refused(Exception):
    """Nothing of the order was stored, for these reasons."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(" ".join(f"{fault.field}: {fault.description}" for fault in faults))
        self.faults = list(faults)


class Conflict(Exception):
    """The key of this request was used before, with another request. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key of a request, and a digest (64 hex digits) of what it asks for."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of one recipient: the id of its email in the feed, and the reason where it will not be sent."""

    address: str
    email_id: int
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was stored. `is_repeat`: by an earlier request with the same key; of that only the uid is known."""

    uid: str
    recipients: Sequence[Placed] = ()
    is_repeat: bool = False

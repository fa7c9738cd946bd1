"""The words of the product: kinds of events, statuses, and the event as everybody hands it to the lifecycle."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Status(models.IntegerChoices):
    """What the feed shows for an email: the highest of these among its events. The value is the rank."""

    PROCESSED = 0, pgettext_lazy("status", "Processed")
    SENT = 1, pgettext_lazy("status", "Sent")
    DELIVERED = 2, pgettext_lazy("status", "Delivered")
    BOUNCED = 3, pgettext_lazy("status", "Bounced")
    OPENED = 4, pgettext_lazy("status", "Opened")
    CLICKED = 5, pgettext_lazy("status", "Clicked")
    UNSUBSCRIBED = 6, pgettext_lazy("status", "Unsubscribed")
    SPAM = 7, pgettext_lazy("status", "Spam")
    DROPPED = 8, pgettext_lazy("status", "Dropped")


class Kind(models.IntegerChoices):
    """What an event says. Kinds up to 8 raise an email to the status of the same number; the others never do."""

    PROCESSED = 0, pgettext_lazy("event", "Processed")
    SENT = 1, pgettext_lazy("event", "Sent")
    DELIVERED = 2, pgettext_lazy("event", "Delivered")
    BOUNCED = 3, pgettext_lazy("event", "Bounced")
    OPENED = 4, pgettext_lazy("event", "Opened")
    CLICKED = 5, pgettext_lazy("event", "Clicked")
    UNSUBSCRIBED = 6, pgettext_lazy("event", "Unsubscribed")
    SPAM = 7, pgettext_lazy("event", "Reported as spam")
    DROPPED = 8, pgettext_lazy("event", "Dropped")
    DEFERRED = 20, pgettext_lazy("event", "Deferred")
    MACHINE_OPENED = 21, pgettext_lazy("event", "Opened by a machine")
    MACHINE_CLICKED = 22, pgettext_lazy("event", "Clicked by a machine")
    RESUBSCRIBED = 23, pgettext_lazy("event", "Subscribed again")
    AUTO_REPLIED = 24, pgettext_lazy("event", "Automatic reply")
    HELD = 25, pgettext_lazy("event", "Held back")
    RELEASED = 26, pgettext_lazy("event", "Released")
    RETRIED = 27, pgettext_lazy("event", "Tried again by hand")
    UNKNOWN = 29, pgettext_lazy("event", "Unknown event")

    @property
    def raises(self) -> bool:
        """Whether this kind can raise an email's status."""
        return self.value <= Status.DROPPED


class Bounce(models.IntegerChoices):
    """Why an email bounced. Only a hard bounce says that the address is dead."""

    NONE = 0, ""
    SOFT = 1, pgettext_lazy("bounce", "Soft bounce")
    HARD = 2, pgettext_lazy("bounce", "Hard bounce")


class Held(models.IntegerChoices):
    """Why an email that was accepted is not sent yet. It goes on by itself when the reason ends."""

    NO = 0, ""
    CREDITS = 1, pgettext_lazy("held", "no credits left")
    DISABLED = 2, pgettext_lazy("held", "account disabled")
    SCHEDULED = 3, pgettext_lazy("held", "scheduled for later")
    THROTTLED = 4, pgettext_lazy("held", "throttled by the recipient's server")


@dataclass(slots=True)
class Event:
    """One fact about one email, as a source states it.

    `message_id` is the source's own id of the message ("" where it names none), `recipient` and `sender` are bare
    addresses (case does not matter), `occurred_at` is aware. `name` is the source's own word for the event,
    `comment` the answer of the recipient's server or the reason of a drop, word for word, `code` an enhanced status
    code (RFC 3463) such as 5.1.1, `argument` what the sender attached to recognise the email by, `header_id` the
    Message-ID of its header (RFC 5322) where that is not the source's own id. `raw` is the source's record of just
    this event, for display. `held` is the reason of a kind HELD.
    """

    kind: Kind
    message_id: str
    recipient: str
    occurred_at: datetime
    event_id: str = ""
    name: str = ""
    sender: str = ""
    subject: str = ""
    tags: Sequence[str] = ()
    argument: str = ""
    header_id: str = ""
    comment: str = ""
    code: str = ""
    bounce: Bounce = Bounce.NONE
    url: str = ""
    ip: str = ""
    user_agent: str = ""
    held: Held = Held.NO
    raw: Any = field(default=None, repr=False, compare=False)

    def key(self) -> int:
        """A signed 64-bit key, equal for the same fact told twice and different for any other fact of this email.

        Made of the source's event id; where there is none, of what happened, when, and with which link and answer.
        """
        facts = (
            ("id", self.event_id, self.name)
            if self.event_id
            else ("at", self.name, int(self.kind), int(self.bounce), self.occurred_at.timestamp(), self.url, self.code,
                  self.comment, self.ip, self.user_agent)
        )  # fmt: skip
        digest = blake2b("\0".join(map(str, facts)).encode(errors="replace"), digest_size=8)
        return int.from_bytes(digest.digest(), signed=True)


@dataclass(slots=True)
class Arrival:
    """The events one stored request held, with whose they are and where and when it came from."""

    account_id: int
    source_id: int
    received_at: datetime
    events: Sequence[Event]
    inbox_id: int | None = None
    is_test: bool = False

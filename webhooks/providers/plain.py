"""Live Feeds' own format, for whatever has no module: our words, one event or a list, signed with Standard Webhooks.

It is described for its senders in docs/providers.md. As it is ours it is strict: a wrong field is told, not guessed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies, standard
from webhooks.providers.fields import Record, argument, bare, epoch, header_id, iso, records, text, undated, words
from webhooks.requests import RawRequest, Unreadable

KINDS = {
    "processed": Kind.PROCESSED,
    "sent": Kind.SENT,
    "deferred": Kind.DEFERRED,
    "delivered": Kind.DELIVERED,
    "bounced": Kind.BOUNCED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "spam": Kind.SPAM,
    "dropped": Kind.DROPPED,
    "resubscribed": Kind.RESUBSCRIBED,
    "auto_replied": Kind.AUTO_REPLIED,
}
BY_MACHINE = {Kind.OPENED: Kind.MACHINE_OPENED, Kind.CLICKED: Kind.MACHINE_CLICKED}
BOUNCES = {"hard": Bounce.HARD, "soft": Bounce.SOFT}


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST. Raises Unreadable, naming the event and the field."""
    return [event(raw, request, place) for place, raw in enumerate(records(request.json()), start=1)]


def event(raw: Record, request: RawRequest, place: int) -> Event:
    """One event, the place-th of its request. An event word that is not ours is kept as unknown."""
    name = required(raw, "event", place)
    kind = KINDS.get(name, Kind.UNKNOWN)
    if raw.get("machine") is True:
        kind = BY_MACHINE.get(kind, kind)
    comment = text(raw.get("comment"))
    at = moment(raw, place)
    return Event(
        kind=kind,
        message_id=text(raw.get("message_id")),
        header_id=header_id(raw.get("header_id")),
        recipient=bare(required(raw, "recipient", place)),
        occurred_at=at or request.received_at,
        event_id=text(raw.get("id")) or undated(at, raw),
        name=name,
        sender=bare(raw.get("sender")),
        subject=text(raw.get("subject")),
        tags=words(raw.get("tags")),
        argument=argument(raw.get("argument")),
        comment=comment,
        code=replies.enhanced_code(text(raw.get("code"))) or replies.enhanced_code(comment),
        bounce=hard_or_soft(raw, comment, place) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("url")),
        ip=text(raw.get("ip")),
        user_agent=text(raw.get("user_agent")),
        raw=raw,
    )


def required(raw: Record, field: str, place: int) -> str:
    """A field every event must have, as text."""
    value = raw.get(field)
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(f'Event {place} has no "{field}". Every event needs "event" and "recipient", both texts.')
    return value


def moment(raw: Record, place: int) -> datetime | None:
    """When it occurred; None where the event does not say."""
    given = raw.get("occurred_at")
    if given is None:
        return None
    at = iso(given) or epoch(given)
    if at is None:
        raise Unreadable(
            f'The "occurred_at" of event {place} is no time: write 2026-05-04T12:30:00Z, or seconds since 1970.'
        )
    return at


def hard_or_soft(raw: Record, comment: str, place: int) -> Bounce:
    """What the sender says; where it says nothing, what the server's reply says."""
    said = raw.get("bounce")
    if said is None:
        return replies.bounce(comment, text(raw.get("code")))
    if not isinstance(said, str) or said not in BOUNCES:
        raise Unreadable(f'The "bounce" of event {place} must be "hard" or "soft".')
    return BOUNCES[said]


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and the signature and its age."""
    base.verify_basic_auth(request, secrets, now)
    standard.verify(request, secrets, now, "webhook")


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery in our own words."""
    raw = {
        "id": f"test-{int(at.timestamp() * 1000)}",
        "event": "delivered",
        "message_id": f"test-{int(at.timestamp() * 1000)}",
        "recipient": recipient,
        "occurred_at": at.astimezone(UTC).isoformat(),
        "sender": "sender@example.com",
        "subject": "A test of Live Feeds",
        "tags": ["live-feeds-test"],
        "comment": "250 2.0.0 OK: queued as 93B0C7",
    }
    return RawRequest(json.dumps(raw).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="plain",
    name="Plain JSON",
    steps=(
        gettext_lazy("Make a signing secret: whsec_ and 24 to 64 random bytes in base64. Paste it below."),
        gettext_lazy("Have your system post each event, or a list of them, as JSON to {address}."),
        gettext_lazy(
            "Sign every request as standardwebhooks.com describes; libraries for most languages do it for you."
        ),
        gettext_lazy("The fields are described in docs/providers.md. Begin with event, recipient and message_id."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "signing_secret",
            gettext_lazy("Signing secret"),
            gettext_lazy("Begins with whsec_. The sender signs with the same one."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", *standard.headers("webhook")),
)

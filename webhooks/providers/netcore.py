"""Netcore Email API (formerly Pepipost): a JSON list of up to 1,000 events, in one of two spellings.

The usual one has upper-case names and numbers (older ones: texts); the migration format has SendGrid's names. An
empty list is Netcore's check of the address. Nothing is signed: a name and password in the address are the proof.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, epoch, records, text, undated
from webhooks.requests import RawRequest, read_json

KINDS = {
    # Netcore has no "delivered" in the usual spelling: its "sent" carries the recipient server's acceptance.
    "sent": Kind.DELIVERED,
    "delivered": Kind.DELIVERED,
    "processed": Kind.PROCESSED,
    "dropped": Kind.DROPPED,
    # Never sent, as the address is not written in a valid form.
    "invalid": Kind.DROPPED,
    "bounced": Kind.BOUNCED,
    "bounce": Kind.BOUNCED,
    "opened": Kind.OPENED,
    "open": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "click": Kind.CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "unsubscribe": Kind.UNSUBSCRIBED,
    # The documentation's tables say abuse where its samples say spam.
    "spam": Kind.SPAM,
    "abuse": Kind.SPAM,
}
BOUNCES = {"HARDBOUNCE": Bounce.HARD, "SOFTBOUNCE": Bounce.SOFT}
ENGAGED = frozenset({Kind.OPENED, Kind.CLICKED, Kind.UNSUBSCRIBED, Kind.SPAM})


@dataclass(frozen=True, slots=True)
class Names:
    """What one spelling calls the fields."""

    event: str
    message_id: str
    recipient: str
    sender: str
    at: str
    tags: str
    replies: tuple[str, ...]


USUAL = Names("EVENT", "TRANSID", "EMAIL", "FROMADDRESS", "TIMESTAMP", "TAGS", ("RESPONSE",))
MIGRATION = Names("event", "sg_message_id", "email", "fromaddress", "timestamp", "tags", ("response", "reason"))


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST; none for an empty list."""
    return [event(raw, request) for raw in records(payload(request))]


def payload(request: RawRequest) -> object:
    """The body as JSON; older set-ups send it url-encoded, bare or as a field of a form. Raises Unreadable."""
    body = request.body.strip()
    if body[:1] in (b"[", b"{") or not (b"%" in body or b"=" in body):
        return request.json()
    decoded = unquote_plus(body.decode(errors="replace"))
    start = min((place for mark in "[{" if (place := decoded.find(mark)) >= 0), default=0)
    return read_json(decoded[start:])


def event(raw: Record, request: RawRequest) -> Event:
    """One event. The USERAGENT of a mail that was only sent is a number of the sending system: left out."""
    names = USUAL if USUAL.event in raw else MIGRATION
    name = text(raw.get(names.event))
    kind = KINDS.get(name.lower(), Kind.UNKNOWN)
    comment = next((found for field in names.replies if (found := text(raw.get(field)))), "")
    at = epoch(raw.get(names.at))
    engaged = kind in ENGAGED
    return Event(
        kind=kind,
        message_id=text(raw.get(names.message_id)),
        recipient=bare(raw.get(names.recipient)),
        occurred_at=at or request.received_at,
        event_id=undated(at, raw),
        name=name,
        sender=bare(raw.get(names.sender)),
        tags=[tag for part in text(raw.get(names.tags)).split(",") if (tag := part.strip())],
        argument=text(raw.get("X-APIHEADER")) if names is USUAL else custom(raw),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=hard_or_soft(raw, comment) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("URL") or raw.get("url")),
        ip=text(raw.get("IPADDRESS") or raw.get("ip")) if engaged else "",
        user_agent=text(raw.get("USERAGENT") or raw.get("useragent")) if engaged else "",
        raw=raw,
    )


def custom(raw: Record) -> str:
    """The custom arguments of the migration format: customargs1, customargs2, ..."""
    return argument({name: value for name, value in raw.items() if name.startswith("customargs")})


def hard_or_soft(raw: Record, reply: str) -> Bounce:
    """What Netcore says; where it says nothing, a bounce is hard by its documentation unless the reply denies it."""
    said = BOUNCES.get(text(raw.get("BOUNCE_TYPE") or raw.get("bounce_type")).upper())
    return said or replies.bounce(reply, unsaid=Bounce.HARD)


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Netcore tells it."""
    raw = {
        "TRANSID": int(at.timestamp() * 1_000_000),
        "RESPONSE": "smtp;250 2.0.0 OK: queued as 7D1E90A44",
        "EMAIL": recipient,
        "TIMESTAMP": int(at.timestamp()),
        "FROMADDRESS": "sender@example.com",
        "EVENT": "sent",
        "MSIZE": 2048,
        "X-APIHEADER": "live-feeds-test",
        "TAGS": "live-feeds-test",
    }
    return RawRequest(json.dumps([raw]).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="netcore",
    name="Netcore Email API (Pepipost)",
    steps=(
        gettext_lazy("Choose a name and a password below, and put them into the address: https://name:password@..."),
        gettext_lazy("In Netcore's panel, open Settings > Webhooks and paste {address} as callback URL."),
        gettext_lazy("Choose all events, press Verify, then Add Webhook."),
    ),
    parse=parse,
    verify=base.verify_basic_auth,
    sample=sample,
    secrets=(base.BASIC_AUTH,),
    headers=("authorization",),
)

"""Mailtrap: a list of events per POST, signed with HMAC-SHA256 over the body."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, entries, epoch, record, records, text, undated, words
from webhooks.requests import RawRequest, Unreadable

KINDS = {
    "delivery": Kind.DELIVERED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "bounce": Kind.BOUNCED,
    # Mailtrap tries again after it; what it gives up on becomes a bounce.
    "soft bounce": Kind.DEFERRED,
    # Sending is paused for the account; the email waits.
    "suspension": Kind.DEFERRED,
    "spam": Kind.SPAM,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "reject": Kind.DROPPED,
}


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST."""
    data = record(request.json())
    return [event(raw, request) for raw in records(entries(data, "events"))]


def event(raw: Record, request: RawRequest) -> Event:
    """One event. The server's reply is in `response`, Mailtrap's own reason in `reason`."""
    name = text(raw.get("event"))
    if name.startswith("inbound"):
        raise Unreadable("This is an email that Mailtrap received. Give this address the sending events.")
    kind = KINDS.get(name, Kind.UNKNOWN)
    comment = text(raw.get("response") or raw.get("reason"))
    at = epoch(raw.get("timestamp"))
    return Event(
        kind=kind,
        message_id=text(raw.get("message_id")),
        recipient=bare(raw.get("email")),
        occurred_at=at or request.received_at,
        event_id=text(raw.get("event_id")) or undated(at, raw),
        name=name,
        tags=words(raw.get("category")),
        argument=argument(raw.get("custom_variables")),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=Bounce.HARD if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("url")),
        ip=text(raw.get("ip")),
        user_agent=text(raw.get("user_agent")),
        raw=raw,
    )


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and where a secret is set the signature."""
    base.verify_basic_auth(request, secrets, now)
    keys = base.values(secrets, "signing_secret")
    if keys:
        base.verify_hmac_sha256(request.headers.get("mailtrap-signature", ""), request.body, keys)


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Mailtrap tells it."""
    token = f"7e570000-0000-4000-8000-{int(at.timestamp() * 1000):012x}"
    raw = {
        "event": "delivery",
        "event_id": token,
        "message_id": token,
        "email": recipient,
        "timestamp": int(at.timestamp()),
        "sending_stream": "transactional",
        "category": "live-feeds-test",
    }
    return RawRequest(json.dumps({"events": [raw]}).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="mailtrap",
    name="Mailtrap",
    steps=(
        gettext_lazy("In Mailtrap, open Settings > Webhooks and press Create New Webhook."),
        gettext_lazy("Paste {address} as Webhook URL, choose your sending stream, your domains and all events."),
        gettext_lazy("Save it and copy its signature key into this source."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "signing_secret",
            gettext_lazy("Signature key"),
            gettext_lazy(
                "Shown by Mailtrap beside the webhook. Without it anybody who knows the address can post to it."
            ),
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", "mailtrap-signature"),
)

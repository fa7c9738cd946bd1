"""Brevo (once Sendinblue): one event per POST, or a list where batching is on. A token or a password is the proof."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, epoch, header_id, records, text, undated, words
from webhooks.requests import RawRequest, Refused, Unreadable, read_json

KINDS = {
    # Also told of an email that is blocked afterwards, so it has not been sent.
    "request": Kind.PROCESSED,
    "sent": Kind.PROCESSED,
    "delivered": Kind.DELIVERED,
    "hard_bounce": Kind.BOUNCED,
    "soft_bounce": Kind.BOUNCED,
    "invalid_email": Kind.BOUNCED,
    "deferred": Kind.DEFERRED,
    "blocked": Kind.DROPPED,
    "error": Kind.DROPPED,
    "spam": Kind.SPAM,
    "complaint": Kind.SPAM,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "unique_opened": Kind.OPENED,
    "opened": Kind.OPENED,
    # An open that Apple's or another proxy made.
    "unique_proxy_open": Kind.MACHINE_OPENED,
    "proxy_open": Kind.MACHINE_OPENED,
    "click": Kind.CLICKED,
}
BOUNCES = {"hard_bounce": Bounce.HARD, "invalid_email": Bounce.HARD, "soft_bounce": Bounce.SOFT}
# Milliseconds reach this number in 1973, seconds in the year 5138: some of Brevo's examples have seconds here.
MILLISECONDS_FROM = 100_000_000_000


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST."""
    data = request.json()
    if isinstance(data, dict) and "items" in data:
        raise Unreadable("These are emails that Brevo received. Give this address the transactional webhook.")
    return [event(raw, request) for raw in records(data)]


def event(raw: Record, request: RawRequest) -> Event:
    """One event."""
    name = text(raw.get("event"))
    comment = text(raw.get("reason"))
    at = moment(raw)
    return Event(
        kind=KINDS.get(name, Kind.UNKNOWN),
        message_id=text(raw.get("message-id")),
        header_id=header_id(raw.get("message-id")),
        recipient=bare(raw.get("email")),
        occurred_at=at or request.received_at,
        event_id=undated(at, raw),
        name=name,
        sender=bare(raw.get("sender_email")),
        subject=text(raw.get("subject")),
        tags=words(raw.get("tags") or raw.get("tag")),
        argument=argument(metadata(raw)),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=BOUNCES.get(name, Bounce.NONE),
        url=text(raw.get("link")),
        # The address of the reader is only told of opens and clicks; sending_ip is Brevo's own.
        ip=text(raw.get("ip")),
        user_agent=text(raw.get("user_agent")),
        raw=raw,
    )


def moment(raw: Record) -> datetime | None:
    """When it occurred: ts_epoch (s_epoch in some events) is UTC, in milliseconds; the others may be local time."""
    for name in ("ts_epoch", "s_epoch"):
        value = raw.get(name)
        if isinstance(value, int | float) and value:
            return epoch(value, unit=1000 if value >= MILLISECONDS_FROM else 1)
    return epoch(raw.get("ts_event")) or epoch(raw.get("ts"))


def metadata(raw: Record) -> object:
    """What the sender put into the X-Mailin-custom header: JSON for most, any text for some."""
    given = text(raw.get("X-Mailin-custom"))
    try:
        return read_json(given) if given.startswith("{") else given
    except Unreadable:
        return given


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the token where one is set, else the name and password."""
    tokens = base.values(secrets, "token")
    if not tokens:
        base.verify_basic_auth(request, secrets, now)
        return
    scheme, _blank, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not base.matches(token.strip(), tokens):
        raise Refused(_("The token in the request is not the one set for this source."))


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Brevo tells it."""
    raw = {
        "event": "delivered",
        "email": recipient,
        "id": 1,
        "message-id": f"<{int(at.timestamp() * 1000)}.test@smtp-relay.example.com>",
        "subject": "A test of Live Feeds",
        "tags": ["live-feeds-test"],
        "ts_event": int(at.timestamp()),
        "ts_epoch": int(at.timestamp() * 1000),
    }
    return RawRequest(json.dumps(raw).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="brevo",
    name="Brevo",
    steps=(
        gettext_lazy("In Brevo, open Transactional > Settings > Webhook and press Add a new webhook."),
        gettext_lazy("Paste {address} as URL and choose all events."),
        gettext_lazy("Where Brevo asks for authentication choose Token, and enter the token you put below."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "token",
            gettext_lazy("Token"),
            gettext_lazy(
                "Optional: any long random text, the same as in Brevo. When set, name and password are not asked."
            ),
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization",),
    discards_on_5xx=True,
)

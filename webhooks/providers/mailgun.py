"""Mailgun: one event per POST, as JSON or as the form of before 2018. A token and its time are signed, not the body."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, mailgun_forms, replies
from webhooks.providers.fields import Record, argument, bare, epoch, header_id, record, section, text, undated, words
from webhooks.requests import RawRequest, Refused, Unreadable

KINDS = {
    "accepted": Kind.PROCESSED,
    "stored": Kind.PROCESSED,
    "rejected": Kind.DROPPED,
    "delivered": Kind.DELIVERED,
    "failed": Kind.BOUNCED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "complained": Kind.SPAM,
}
BY_MACHINE = {Kind.OPENED: Kind.MACHINE_OPENED, Kind.CLICKED: Kind.MACHINE_CLICKED}
# Mailgun's own codes for an address on one of its suppression lists: bounced, unsubscribed, complained before.
NOT_SENT = frozenset({"605", "606", "607"})
# Mailgun gives up after its sixth retry, 8 hours after the event. Whatever is older is a replay.
OLDEST = timedelta(hours=12)


class Proof(NamedTuple):
    """What Mailgun signs, and its signature."""

    timestamp: str
    token: str
    signature: str


def parse(request: RawRequest) -> list[Event]:
    """The event of one POST."""
    if is_form(request):
        return [mailgun_forms.event(request)]
    data = record(request.json())
    raw = section(data, "event-data")
    if not raw:
        raise Unreadable('Expected an event under "event-data". Give this address the webhooks, not the routes.')
    return [event(raw, request)]


def is_form(request: RawRequest) -> bool:
    """Whether this is the older format."""
    return request.content_type.lower().startswith(("multipart/form-data", "application/x-www-form-urlencoded"))


def event(raw: Record, request: RawRequest) -> Event:
    """The event of the JSON format."""
    name = text(raw.get("event"))
    delivery = section(raw, "delivery-status")
    headers = section(section(raw, "message"), "headers")
    message_id = text(headers.get("message-id"))
    comment = text(delivery.get("message") or delivery.get("description") or section(raw, "reject").get("reason"))
    kind = kind_of(name, raw, delivery)
    at = epoch(raw.get("timestamp"))
    return Event(
        kind=kind,
        # The header as it was in the email: Mailgun leaves the angle brackets out in this format, not in the other.
        message_id=f"<{message_id}>" if message_id and not message_id.startswith("<") else message_id,
        header_id=header_id(message_id),
        recipient=bare(raw.get("recipient") or headers.get("to")),
        occurred_at=at or request.received_at,
        # Mailgun calls it unique within a day, which within one email is more than enough. The signature's token
        # is another one for each address that is told of the event.
        event_id=text(raw.get("id")) or undated(at, raw),
        name=name,
        sender=bare(headers.get("from") or section(raw, "envelope").get("sender")),
        subject=text(headers.get("subject")),
        tags=words(raw.get("tags")),
        argument=argument(section(raw, "user-variables")),
        comment=comment,
        code=replies.enhanced_code(text(delivery.get("enhanced-code"))) or replies.enhanced_code(comment),
        bounce=hard_or_soft(raw, delivery, comment) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("url")),
        ip=text(raw.get("ip")),
        user_agent=text(section(raw, "client-info").get("user-agent")),
        raw=raw,
    )


def kind_of(name: str, raw: Record, delivery: Record) -> Kind:
    """The kind, after severity and reason of a failure, and after the mark of machines."""
    kind = KINDS.get(name, Kind.UNKNOWN)
    if kind is Kind.BOUNCED:
        if text(raw.get("reason")).startswith("suppress-") or text(delivery.get("code")) in NOT_SENT:
            return Kind.DROPPED
        return Kind.DEFERRED if raw.get("severity") == "temporary" else kind
    if text(section(raw, "client-info").get("bot")):
        return BY_MACHINE.get(kind, kind)
    return kind


def hard_or_soft(raw: Record, delivery: Record, reply: str) -> Bounce:
    """A permanent failure is also the end of eight hours of retries, and a block: neither is about the address."""
    said = text(delivery.get("bounce-type")).lower()
    if said in ("hard", "soft"):
        return Bounce.HARD if said == "hard" else Bounce.SOFT
    if raw.get("reason") == "old":
        return Bounce.SOFT
    return replies.bounce(reply, f"{text(delivery.get('enhanced-code'))} {text(delivery.get('code'))}")


def proof(request: RawRequest) -> Proof | None:
    """What the request brings to prove itself, or None."""
    try:
        if is_form(request):
            return Proof(*mailgun_forms.proof(request))
        found = section(record(request.json()), "signature")
    except Unreadable:
        return None
    return Proof(text(found.get("timestamp")), text(found.get("token")), text(found.get("signature")))


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, the signature of the token, and its age."""
    base.verify_basic_auth(request, secrets, now)
    keys = base.needed(secrets, "signing_secret")
    given = proof(request)
    if given is None or not given.token or not given.signature:
        raise Refused(_("The request is not signed."))
    base.verify_hmac_sha256(given.signature, f"{given.timestamp}{given.token}".encode(errors="replace"), keys)
    signed_at = epoch(given.timestamp)
    if signed_at is None or now - signed_at > OLDEST:
        raise Refused(_("The request was signed more than 12 hours ago: Mailgun has given up sending it by now."))


def nonce(request: RawRequest) -> str:
    """The token. The signature does not cover the body, so a token seen once must not come with another body."""
    given = proof(request)
    return given.token if given else ""


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Mailgun tells it."""
    token = f"{int(at.timestamp() * 1000):x}"
    raw = {
        "event": "delivered",
        "id": f"test-{token}",
        "timestamp": at.timestamp(),
        "recipient": recipient,
        "tags": ["live-feeds-test"],
        "user-variables": {},
        "message": {
            "headers": {
                "to": recipient,
                "from": "sender@example.com",
                "subject": "A test of Live Feeds",
                "message-id": f"{token}@example.com",
            }
        },
        "delivery-status": {"code": 250, "message": "OK", "mx-host": "mx.example.net", "attempt-no": 1},
    }
    return RawRequest(json.dumps({"event-data": raw}).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="mailgun",
    name="Mailgun",
    steps=(
        gettext_lazy("In Mailgun, open Send > Sending > Webhooks, choose your domain and press Add webhook."),
        gettext_lazy("Paste {address} as URL and choose every event type."),
        gettext_lazy("Copy the HTTP webhook signing key of the Webhooks page into this source."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "signing_secret",
            gettext_lazy("HTTP webhook signing key"),
            gettext_lazy("Shown on Mailgun's Webhooks page. It is not the API key."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization",),
    nonce=nonce,
)

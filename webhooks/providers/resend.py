"""Resend: one event per POST, signed by Svix."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies, standard
from webhooks.providers.fields import (
    Record,
    argument,
    bare,
    entries,
    header_id,
    iso,
    record,
    section,
    text,
    undated,
    words,
)
from webhooks.requests import RawRequest, Unreadable, read_json

KINDS = {
    # Resend has accepted the email; it has not handed it over yet.
    "email.sent": Kind.PROCESSED,
    "email.scheduled": Kind.PROCESSED,
    "email.delivered": Kind.DELIVERED,
    "email.delivery_delayed": Kind.DEFERRED,
    "email.bounced": Kind.BOUNCED,
    "email.failed": Kind.DROPPED,
    "email.suppressed": Kind.DROPPED,
    "email.complained": Kind.SPAM,
    "email.opened": Kind.OPENED,
    "email.clicked": Kind.CLICKED,
}
BOUNCES = {"Permanent": Bounce.HARD, "Transient": Bounce.SOFT, "Undetermined": Bounce.SOFT}
# Where the bounce object stands, and what else tells why an email was not sent.
REASONS = ("bounce", "failed", "suppressed")
HEADERS = standard.headers("svix")


def parse(request: RawRequest) -> list[Event]:
    """The event of one POST; none for news of contacts and domains."""
    raw = record(request.json())
    name = text(raw.get("type"))
    if name == "email.received":
        raise Unreadable("This is an email that Resend received. Choose only the events of emails you send.")
    if name.startswith(("contact.", "domain.")):
        return []
    return [event(raw, name, request)]


def event(raw: Record, name: str, request: RawRequest) -> Event:
    """One event. The envelope's created_at is the event's time; the one inside `data` is the email's."""
    data = section(raw, "data")
    bounce = section(data, "bounce")
    kind = KINDS.get(name, Kind.UNKNOWN)
    comment = next((found for field in REASONS if (found := reason(section(data, field)))), "")
    if kind is Kind.BOUNCED and "suppressed sending" in comment:
        # It was on Resend's suppression list: nothing was sent.
        kind = Kind.DROPPED
    contact = section(data, "click") or section(data, "open")
    at = iso(raw.get("created_at"))
    return Event(
        kind=kind,
        message_id=text(data.get("email_id")),
        header_id=header_id(next(iter(headers(data, "message-id")), "")),
        # Resend does not say which of several recipients an event is about, only whom the email went to.
        recipient=bare(next(iter(entries(data, "to")), "")),
        occurred_at=at or request.received_at,
        event_id=request.headers.get(HEADERS[0], "") or undated(at, raw),
        name=name,
        sender=bare(data.get("from")),
        subject=text(data.get("subject")),
        tags=tags(data),
        argument=argument(metadata(data)),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=hard_or_soft(bounce, comment) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(contact.get("link")),
        ip=text(contact.get("ipAddress")),
        user_agent=text(contact.get("userAgent")),
        raw=raw,
    )


def reason(part: Record) -> str:
    """Why an email failed: what the server answered where Resend tells it, else Resend's own sentence."""
    diagnostic = " ".join(text(line) for line in entries(part, "diagnosticCode"))
    return diagnostic or text(part.get("message") or part.get("reason"))


def hard_or_soft(bounce: Record, comment: str) -> Bounce:
    """By the type; older events have none, but Resend's sentence calls a hard bounce so."""
    said = BOUNCES.get(text(bounce.get("type")))
    return said or (Bounce.HARD if "hard bounce" in comment.lower() else replies.bounce(comment))


def tags(data: Record) -> list[str]:
    """The tags: names with values at Resend, plain words in django-anymail's X-Tags header."""
    found = data.get("tags")
    named = [f"{name}:{text(value)}" for name, value in found.items()] if isinstance(found, dict) else []
    return [*named, *(word for value in headers(data, "x-tags") for word in words(value))]


def metadata(data: Record) -> object:
    """What django-anymail's sender put into the X-Metadata header."""
    found = headers(data, "x-metadata")
    try:
        return read_json(found[0]) if found else None
    except Unreadable:
        return found[0]


def headers(data: Record, name: str) -> list[str]:
    """The values of a header of the email (name in lower case)."""
    listed = [header for header in entries(data, "headers") if isinstance(header, dict)]
    return [text(header.get("value")) for header in listed if text(header.get("name")).lower() == name]


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and the signature and its age."""
    base.verify_basic_auth(request, secrets, now)
    standard.verify(request, secrets, now, "svix")


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Resend tells it."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raw = {
        "type": "email.delivered",
        "created_at": moment,
        "data": {
            "created_at": moment,
            "email_id": f"7e570000-0000-4000-8000-{int(at.timestamp() * 1000):012x}",
            "from": "Live Feeds <sender@example.com>",
            "to": [recipient],
            "subject": "A test of Live Feeds",
            "tags": {"live-feeds": "test"},
        },
    }
    return RawRequest(json.dumps(raw).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="resend",
    name="Resend",
    steps=(
        gettext_lazy("In Resend, open Webhooks and press Add Webhook."),
        gettext_lazy("Paste {address} as Endpoint URL and choose all events that begin with email."),
        gettext_lazy("Open the webhook and copy its Signing Secret into this source."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "signing_secret",
            gettext_lazy("Signing Secret"),
            gettext_lazy("Begins with whsec_. Shown on the webhook's page at Resend."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", *HEADERS),
)

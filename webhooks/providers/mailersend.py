"""MailerSend: one activity per POST, signed with HMAC-SHA256 over the body."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, bare, iso, record, section, text, undated, words
from webhooks.requests import RawRequest, Refused, Unreadable

KINDS = {
    "sent": Kind.SENT,
    "deferred": Kind.DEFERRED,
    "delivered": Kind.DELIVERED,
    "soft_bounced": Kind.BOUNCED,
    "hard_bounced": Kind.BOUNCED,
    # On a suppression list at MailerSend: nothing was sent.
    "suppressed": Kind.DROPPED,
    "opened": Kind.OPENED,
    "opened_unique": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "clicked_unique": Kind.CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "spam_complaint": Kind.SPAM,
}
BOUNCES = {"hard_bounced": Bounce.HARD, "soft_bounced": Bounce.SOFT}


def parse(request: RawRequest) -> list[Event]:
    """The event of one POST; none for what is not about an email."""
    data = record(request.json())
    kind = text(data.get("type"))
    if kind == "inbound.message":
        raise Unreadable(
            "This is an email that MailerSend received. Give this address a webhook, not an inbound route."
        )
    activity = section(data, "data")
    if not kind.startswith("activity.") and "type" not in activity:
        # Tests (webhook.test) and news of domains, identities and lists.
        return []
    return [event(activity, kind, request)]


def event(raw: Record, activity: str, request: RawRequest) -> Event:
    """One activity. The `morph` holds what is special to its kind."""
    name = text(raw.get("type")) or activity.removeprefix("activity.")
    email = section(raw, "email")
    morph = section(raw, "morph")
    # Of a bounce `reason` is the server's reply; of an unsubscription it is only the number of the answer chosen.
    reasons = (morph.get("reason"), morph.get("readable_reason"))
    comment = next((text(reason) for reason in (reasons if name in BOUNCES else reasons[::-1]) if reason), "")
    at = iso(raw.get("created_at"))
    return Event(
        kind=KINDS.get(name, Kind.UNKNOWN),
        message_id=text(section(email, "message").get("id")),
        recipient=bare(section(email, "recipient").get("email")),
        occurred_at=at or request.received_at,
        event_id=text(raw.get("id")) or undated(at, raw),
        name=name,
        sender=bare(email.get("from")),
        subject=text(email.get("subject")),
        tags=words(email.get("tags")),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=BOUNCES.get(name, Bounce.NONE),
        url=text(morph.get("url")),
        ip=text(morph.get("ip")),
        user_agent=text(morph.get("user_agent")),
        raw=raw,
    )


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and the signature."""
    base.verify_basic_auth(request, secrets, now)
    keys = base.needed(secrets, "signing_secret")
    signature = request.headers.get("signature", "")
    if not signature:
        raise Refused(_("The request is not signed."))
    base.verify_hmac_sha256(signature, request.body, keys)


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as MailerSend tells it."""
    token = f"{int(at.timestamp() * 1000):024x}"
    moment = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    activity = {
        "object": "activity",
        "id": token,
        "type": "delivered",
        "created_at": moment,
        "email": {
            "object": "email",
            "from": "sender@example.com",
            "subject": "A test of Live Feeds",
            "tags": ["live-feeds-test"],
            "message": {"object": "message", "id": token},
            "recipient": {"object": "recipient", "email": recipient},
        },
        "morph": None,
    }
    data = {"type": "activity.delivered", "created_at": moment, "data": activity}
    return RawRequest(json.dumps(data).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="mailersend",
    name="MailerSend",
    steps=(
        gettext_lazy("In MailerSend, open Domains, press Manage beside your domain and go to Webhooks."),
        gettext_lazy("Press Create webhook, paste {address} as Endpoint URL and choose all events."),
        gettext_lazy("Copy the Signing secret it shows into this source and save."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "signing_secret",
            gettext_lazy("Signing secret"),
            gettext_lazy("Shown by MailerSend beside the webhook. Each webhook has its own."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", "signature"),
)

"""Postmark: one event per POST. Nothing is signed: a name and password in the address are the proof."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, iso, record, section, text, undated, words
from webhooks.requests import RawRequest, Unreadable

KINDS = {
    "Delivery": Kind.DELIVERED,
    "Bounce": Kind.BOUNCED,
    "SpamComplaint": Kind.SPAM,
    "Open": Kind.OPENED,
    "Click": Kind.CLICKED,
    "SubscriptionChange": Kind.UNSUBSCRIBED,
}
# The types of a bounce, after https://postmarkapp.com/developer/api/bounce-api#bounce-types.
BOUNCE_TYPES = {
    "HardBounce": (Kind.BOUNCED, Bounce.HARD),
    "BadEmailAddress": (Kind.BOUNCED, Bounce.HARD),
    "SoftBounce": (Kind.BOUNCED, Bounce.SOFT),
    "DnsError": (Kind.BOUNCED, Bounce.SOFT),
    "Transient": (Kind.BOUNCED, Bounce.SOFT),
    "Undeliverable": (Kind.BOUNCED, Bounce.SOFT),
    "OpenRelayTest": (Kind.BOUNCED, Bounce.SOFT),
    "Unknown": (Kind.BOUNCED, Bounce.SOFT),
    "Blocked": (Kind.BOUNCED, Bounce.SOFT),
    # A spam filter refused it: no person complained.
    "SpamNotification": (Kind.BOUNCED, Bounce.SOFT),
    "DMARCPolicy": (Kind.BOUNCED, Bounce.SOFT),
    "VirusNotification": (Kind.BOUNCED, Bounce.SOFT),
    "ManuallyDeactivated": (Kind.DROPPED, Bounce.NONE),
    "Unconfirmed": (Kind.DROPPED, Bounce.NONE),
    "SMTPApiError": (Kind.DROPPED, Bounce.NONE),
    "TemplateRenderingFailed": (Kind.DROPPED, Bounce.NONE),
    "AutoResponder": (Kind.AUTO_REPLIED, Bounce.NONE),
    "AddressChange": (Kind.AUTO_REPLIED, Bounce.NONE),
    "ChallengeVerification": (Kind.AUTO_REPLIED, Bounce.NONE),
    "Unsubscribe": (Kind.UNSUBSCRIBED, Bounce.NONE),
    "Subscribe": (Kind.RESUBSCRIBED, Bounce.NONE),
    "SpamComplaint": (Kind.SPAM, Bounce.NONE),
}
# Why the address was put on Postmark's suppression list. All but the first repeat what a webhook of its own tells.
SUPPRESSIONS = {
    "ManualSuppression": (Kind.UNSUBSCRIBED, Bounce.NONE),
    "HardBounce": (Kind.BOUNCED, Bounce.HARD),
    "SpamComplaint": (Kind.SPAM, Bounce.NONE),
}
MOMENTS = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")


def parse(request: RawRequest) -> list[Event]:
    """The event of one POST."""
    raw = record(request.json())
    if raw.get("RecordType") == "Inbound" or "FromFull" in raw:
        raise Unreadable("This is an email that Postmark received. Give this address a webhook, not the inbound one.")
    return [event(raw, request)]


def event(raw: Record, request: RawRequest) -> Event:
    """One event."""
    name = text(raw.get("RecordType"))
    kind, bounce = outcome(name, raw)
    comment = text(raw.get("Details") or raw.get("Description"))
    metadata = section(raw, "Metadata")
    at = next((found for field in MOMENTS if (found := iso(raw.get(field)))), None)
    return Event(
        kind=kind,
        # Anymail's own id, where it sent in bulk: one for each recipient.
        message_id=text(metadata.get("anymail_id") or raw.get("MessageID")),
        recipient=bare(raw.get("Recipient") or raw.get("Email")),
        occurred_at=at or request.received_at,
        # Only bounces and complaints have an id of their own.
        event_id=text(raw.get("ID")) or undated(at, raw),
        name=f"{name} {raw['Type']}" if name == "Bounce" and isinstance(raw.get("Type"), str) else name,
        sender=bare(raw.get("From")),
        subject=text(raw.get("Subject")),
        tags=words(raw.get("Tag")),
        argument=argument(metadata),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=bounce,
        url=text(raw.get("OriginalLink")),
        ip=text(section(raw, "Geo").get("IP")),
        user_agent=text(raw.get("UserAgent")),
        raw=raw,
    )


def outcome(name: str, raw: Record) -> tuple[Kind, Bounce]:
    """Kind and hardness: of a bounce by its type, of a change of subscription by its reason."""
    if name == "Bounce":
        return BOUNCE_TYPES.get(text(raw.get("Type")), (Kind.BOUNCED, Bounce.SOFT))
    if name == "SubscriptionChange":
        if raw.get("SuppressSending") is False:
            return Kind.RESUBSCRIBED, Bounce.NONE
        return SUPPRESSIONS.get(text(raw.get("SuppressionReason")), (Kind.UNSUBSCRIBED, Bounce.NONE))
    return KINDS.get(name, Kind.UNKNOWN), Bounce.NONE


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Postmark tells it."""
    raw = {
        "RecordType": "Delivery",
        "MessageID": f"7e570000-0000-4000-8000-{int(at.timestamp() * 1000):012x}",
        "Recipient": recipient,
        "DeliveredAt": at.astimezone(UTC).isoformat(),
        "Details": "smtp;250 2.0.0 OK 4f1c2a65",
        "Tag": "live-feeds-test",
        "ServerID": 1,
        "MessageStream": "outbound",
        "Metadata": {},
    }
    return RawRequest(json.dumps(raw).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="postmark",
    name="Postmark",
    steps=(
        gettext_lazy("In Postmark, open your server, its message stream, the Webhooks tab, and press Add webhook."),
        gettext_lazy("Paste {address} as Webhook URL and choose every event."),
        gettext_lazy("Under Basic auth credentials, enter the name and the password you put below."),
        gettext_lazy("Press Send test: the test event appears in your feed. Then save the webhook."),
    ),
    parse=parse,
    verify=base.verify_basic_auth,
    sample=sample,
    secrets=(base.BASIC_AUTH,),
    headers=("authorization",),
)

"""SparkPost (Bird): lists of events, each wrapped twice. Nothing is signed: a name and password are the proof."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, epoch, records, section, text, undated, words
from webhooks.requests import RawRequest, Unreadable

KINDS = {
    "injection": Kind.PROCESSED,
    "delivery": Kind.DELIVERED,
    "delay": Kind.DEFERRED,
    "bounce": Kind.BOUNCED,
    # A bounce that came back as an email, at times long after the delivery.
    "out_of_band": Kind.BOUNCED,
    "policy_rejection": Kind.DROPPED,
    "generation_rejection": Kind.DROPPED,
    "generation_failure": Kind.DROPPED,
    "spam_complaint": Kind.SPAM,
    "list_unsubscribe": Kind.UNSUBSCRIBED,
    "link_unsubscribe": Kind.UNSUBSCRIBED,
    # An open is told twice where both pixels are loaded, the one at the top first.
    "initial_open": Kind.OPENED,
    "open": Kind.OPENED,
    "amp_initial_open": Kind.OPENED,
    "amp_open": Kind.OPENED,
    "click": Kind.CLICKED,
    "amp_click": Kind.CLICKED,
}
# After https://support.sparkpost.com/docs/deliverability/bounce-classification-codes. The classes not named here are
# soft: 1 undetermined, 20-24 soft, 40 generic, 50-54 blocked, 70 transient.
BOUNCE_CLASSES = {
    "10": (Kind.BOUNCED, Bounce.HARD),
    "30": (Kind.BOUNCED, Bounce.HARD),
    # An answer that asks to be unsubscribed: SparkPost itself files it under hard.
    "90": (Kind.BOUNCED, Bounce.HARD),
    # Not sent: refused by SparkPost's own rules or suppression list.
    "25": (Kind.DROPPED, Bounce.NONE),
    "26": (Kind.DROPPED, Bounce.NONE),
    "60": (Kind.AUTO_REPLIED, Bounce.NONE),
    "80": (Kind.RESUBSCRIBED, Bounce.NONE),
    "100": (Kind.AUTO_REPLIED, Bounce.NONE),
}
BY_MACHINE = {Kind.OPENED: Kind.MACHINE_OPENED, Kind.CLICKED: Kind.MACHINE_CLICKED}
# Groups of events that are not about an email that was sent.
NOT_OF_AN_EMAIL = frozenset({"ab_test_event", "ingest_event", "relay_event"})


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST; none for the empty one with which SparkPost tries an address."""
    found = []
    for wrapped in records(request.json()):
        for group, raw in section(wrapped, "msys").items():
            if group == "relay_message":
                raise Unreadable(
                    "This is an email that SparkPost received. Give this address a webhook, not a relay webhook."
                )
            if isinstance(raw, dict) and group not in NOT_OF_AN_EMAIL:
                found.append(event(raw, request))
    return found


def event(raw: Record, request: RawRequest) -> Event:
    """One event. `raw_reason` is the server's reply; `reason` is the same with the changing parts taken out."""
    name = text(raw.get("type"))
    kind, bounce = outcome(name, raw)
    comment = text(raw.get("raw_reason") or raw.get("reason"))
    at = epoch(raw.get("timestamp"))
    return Event(
        kind=kind,
        # The transmission's id is what the sender got as answer; it is the same for all its recipients.
        message_id=text(raw.get("transmission_id") or raw.get("message_id")),
        recipient=bare(raw.get("raw_rcpt_to") or raw.get("rcpt_to")),
        occurred_at=at or request.received_at,
        event_id=text(raw.get("event_id")) or undated(at, raw),
        name=name,
        sender=bare(raw.get("friendly_from") or raw.get("msg_from")),
        subject=text(raw.get("subject")),
        tags=(*words(raw.get("campaign_id")), *words(raw.get("rcpt_tags"))),
        argument=argument(section(raw, "rcpt_meta")),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=bounce,
        url=text(raw.get("target_link_url")),
        ip=text(raw.get("ip_address")) if kind not in (Kind.DELIVERED, Kind.BOUNCED, Kind.DEFERRED) else "",
        user_agent=text(raw.get("user_agent")),
        raw=raw,
    )


def outcome(name: str, raw: Record) -> tuple[Kind, Bounce]:
    """Kind and hardness, after the class of a bounce and the mark of a prefetched open."""
    kind = KINDS.get(name, Kind.UNKNOWN)
    if kind is Kind.BOUNCED:
        return BOUNCE_CLASSES.get(text(raw.get("bounce_class")), (kind, Bounce.SOFT))
    prefetched = text(raw.get("is_prefetched")).lower() == "true"
    return BY_MACHINE.get(kind, kind) if prefetched else kind, Bounce.NONE


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as SparkPost tells it."""
    number = int(at.timestamp() * 1000)
    raw = {
        "type": "delivery",
        "event_id": str(number),
        "transmission_id": str(number),
        "message_id": f"{number:020x}",
        "timestamp": str(int(at.timestamp())),
        "raw_rcpt_to": recipient,
        "rcpt_to": recipient,
        "friendly_from": "sender@example.com",
        "subject": "A test of Live Feeds",
        "campaign_id": "live-feeds-test",
        "rcpt_meta": {},
    }
    return RawRequest(json.dumps([{"msys": {"message_event": raw}}]).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="sparkpost",
    name="SparkPost",
    steps=(
        gettext_lazy("In SparkPost, open Configuration > Webhooks and press Create Webhook."),
        gettext_lazy("Paste {address} as Target URL and choose all events."),
        gettext_lazy("Choose Basic Auth, enter the name and the password you put below, and create the webhook."),
    ),
    parse=parse,
    verify=base.verify_basic_auth,
    sample=sample,
    secrets=(base.BASIC_AUTH,),
    headers=("authorization",),
)

"""Mailjet: a list of events where they are grouped, else one event per POST. A name and password are the proof."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, epoch, records, text, undated, words
from webhooks.requests import RawRequest, Unreadable, read_json

KINDS = {
    # Mailjet tells of an email once the recipient's server has accepted it.
    "sent": Kind.DELIVERED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "bounce": Kind.BOUNCED,
    "blocked": Kind.DROPPED,
    "spam": Kind.SPAM,
    "unsub": Kind.UNSUBSCRIBED,
}


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST."""
    data = request.json()
    if isinstance(data, dict) and "Sender" in data and "event" not in data:
        raise Unreadable(
            "This is an email that Mailjet received. Give this address the event tracking, not the Parse API."
        )
    return [event(raw, request) for raw in records(data)]


def event(raw: Record, request: RawRequest) -> Event:
    """One event. Mailjet writes the server's reply to `smtp_reply`, and its own reason to `error` and `comment`."""
    name = text(raw.get("event"))
    kind = kind_of(name, raw)
    reply = text(raw.get("smtp_reply"))
    reason = ": ".join(filter(None, (text(raw.get("error_related_to")), text(raw.get("error")))))
    comment = reply or text(raw.get("comment")) or reason
    at = epoch(raw.get("time"))
    return Event(
        kind=kind,
        message_id=text(raw.get("MessageID")),
        recipient=bare(raw.get("email")),
        occurred_at=at or request.received_at,
        event_id=undated(at, raw),
        name=name,
        subject=text(raw.get("Subject")),
        tags=words(raw.get("customcampaign")),
        argument=text(raw.get("CustomID")) or argument(payload(raw)),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=hard_or_soft(raw) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("url")),
        ip=text(raw.get("ip")),
        user_agent=text(raw.get("agent")),
        raw=raw,
    )


def kind_of(name: str, raw: Record) -> Kind:
    """The kind; a greylisted email is tried again, so it has not bounced yet."""
    kind = KINDS.get(name, Kind.UNKNOWN)
    greylisted = raw.get("error") == "greylisted" and hard_or_soft(raw) is Bounce.SOFT
    return Kind.DEFERRED if kind is Kind.BOUNCED and greylisted else kind


def hard_or_soft(raw: Record) -> Bounce:
    """As Mailjet says, which writes it as true or as 1."""
    return Bounce.HARD if raw.get("hard_bounce") in (True, 1, "1", "true") else Bounce.SOFT


def payload(raw: Record) -> object:
    """What the sender attached as EventPayload: any text, often JSON."""
    given = text(raw.get("Payload"))
    try:
        return read_json(given) if given.startswith("{") else given
    except Unreadable:
        return given


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Mailjet tells it."""
    raw = {
        "event": "sent",
        "time": int(at.timestamp()),
        "MessageID": int(at.timestamp() * 1_000_000),
        "email": recipient,
        "mj_campaign_id": 7,
        "customcampaign": "live-feeds-test",
        "CustomID": "live-feeds-test",
        "Payload": "",
        "smtp_reply": "250 2.0.0 OK 4f1c2a65 - smtp",
    }
    return RawRequest(json.dumps([raw]).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="mailjet",
    name="Mailjet",
    steps=(
        gettext_lazy("Choose a name and a password below, and put them into the address: https://name:password@..."),
        gettext_lazy("In Mailjet, open Account settings > Event notifications (webhooks)."),
        gettext_lazy("Choose every event, paste {address} as URL of each, and switch Group events on."),
    ),
    parse=parse,
    verify=base.verify_basic_auth,
    sample=sample,
    secrets=(base.BASIC_AUTH,),
    headers=("authorization",),
)

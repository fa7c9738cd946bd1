"""Unisender Go: one event, or events grouped by user. The proof is inside the body: an MD5 made with the API key."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import (
    Record,
    argument,
    bare,
    entries,
    iso,
    record,
    records,
    section,
    text,
    undated,
    words,
)
from webhooks.requests import RawRequest, Refused, Unreadable

STATUS = "transactional_email_status"
KINDS = {
    "sent": Kind.SENT,
    "delivered": Kind.DELIVERED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "subscribed": Kind.RESUBSCRIBED,
    "spam": Kind.SPAM,
    "soft_bounced": Kind.BOUNCED,
    "hard_bounced": Kind.BOUNCED,
}
# Delivery statuses of emails that Unisender Go did not try to send.
NOT_SENT = frozenset({"err_unsubscribed", "err_spam_skipped", "err_skip_letter"})


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST; none for news that are not about an email (spam blocks of a whole domain)."""
    data = record(request.json())
    if "events_by_user" not in data:
        return [event(data, request)] if data.get("event_name", STATUS) == STATUS else []
    users = records(data["events_by_user"])
    told = [one for user in users for one in records(entries(user, "events"))]
    return [event(section(one, "event_data"), request) for one in told if one.get("event_name") == STATUS]


def event(raw: Record, request: RawRequest) -> Event:
    """One event. Its time is UTC, without saying so."""
    name = text(raw.get("status"))
    delivery = section(raw, "delivery_info")
    metadata = section(raw, "metadata")
    status = text(delivery.get("delivery_status"))
    comment = text(delivery.get("destination_response")) or text(raw.get("comment")) or status
    kind = kind_of(name, status)
    # The proof stands beside the fields where a single event is sent; it is nobody's business later.
    shown = {field: value for field, value in raw.items() if field != "auth"}
    at = iso(raw.get("event_time"))
    return Event(
        kind=kind,
        message_id=text(metadata.get("anymail_id") or raw.get("job_id")),
        recipient=bare(raw.get("email")),
        occurred_at=at or request.received_at,
        # There is an ID header, but a retry has another one.
        event_id=undated(at, shown),
        name=name,
        tags=words(raw.get("tags")),
        argument=argument(metadata),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=hard_or_soft(name) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("url")),
        ip=text(delivery.get("ip")),
        user_agent=text(delivery.get("user_agent")),
        raw=shown,
    )


def kind_of(name: str, delivery_status: str) -> Kind:
    """The kind; a soft bounce that will be tried again is a delay, and one that was not tried is a drop."""
    kind = KINDS.get(name, Kind.UNKNOWN)
    if name == "soft_bounced" and delivery_status in ("err_will_retry", ""):
        return Kind.DEFERRED
    return Kind.DROPPED if kind is Kind.BOUNCED and delivery_status in NOT_SENT else kind


def hard_or_soft(name: str) -> Bounce:
    """As Unisender Go says."""
    return Bounce.HARD if name == "hard_bounced" else Bounce.SOFT


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and the proof: the MD5 of the body as it was with the API key in its place."""
    base.verify_basic_auth(request, secrets, now)
    keys = base.needed(secrets, "api_key")
    try:
        given = text(record(request.json()).get("auth"))
    except Unreadable:
        given = ""
    if not given:
        raise Refused(_("The request is not signed."))
    bodies = [request.body.replace(given.encode(errors="replace"), key.encode()) for key in keys]
    if not base.matches(given, [hashlib.md5(body, usedforsecurity=False).hexdigest() for body in bodies]):
        raise base.wrong_signature()


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Unisender Go tells it."""
    raw = {
        "job_id": f"test-{int(at.timestamp() * 1000):x}",
        "email": recipient,
        "status": "delivered",
        "event_time": at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "metadata": {},
        "delivery_info": {"delivery_status": "ok_delivered", "destination_response": "250 2.0.0 OK 4f1c2a65"},
    }
    told = {"event_name": STATUS, "event_data": raw}
    data = {"auth": "", "events_by_user": [{"user_id": 1, "events": [told]}]}
    return RawRequest(json.dumps(data).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="unisender_go",
    name="Unisender Go",
    steps=(
        gettext_lazy("In Unisender Go, open Settings > Webhooks and add a webhook."),
        gettext_lazy("Paste {address} as address and choose all statuses of emails."),
        gettext_lazy("Copy the API key of the account, or of the project the webhook belongs to, into this source."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "api_key",
            gettext_lazy("API key"),
            gettext_lazy("Unisender Go proves its requests with it. Live Feeds uses it for nothing else."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization",),
)

"""Mailgun's format of before 2018, which old webhooks still send: a form, into which the sender's variables are mixed.

Where a variable has the name of one of Mailgun's fields, both come: Mailgun's is the first, but the last of
timestamp, token and signature.
"""

from __future__ import annotations

from feeds.events import Bounce, Event, Kind
from webhooks.providers import replies
from webhooks.providers.fields import argument, bare, epoch, header_id, text, undated
from webhooks.requests import RawRequest, Unreadable, read_json

KINDS = {
    "delivered": Kind.DELIVERED,
    "dropped": Kind.DROPPED,
    "bounced": Kind.BOUNCED,
    "complained": Kind.SPAM,
    "unsubscribed": Kind.UNSUBSCRIBED,
    "opened": Kind.OPENED,
    "clicked": Kind.CLICKED,
}
SIGNED = ("timestamp", "token", "signature")
# Mailgun's own fields; whatever else comes is a variable of the sender.
OWN_FIELDS = frozenset(
    {
        "attachment-count", "attachments", "body-plain", "campaign-id", "campaign-name", "city", "client-name",
        "client-os", "client-type", "code", "country", "description", "device-type", "domain", "error", "event", "h",
        "ip", "mailing-list", "Message-Id", "message-headers", "message-id", "mx-host", "notification",
        "reason", "recipient", "region", "signature", "tag", "timestamp", "token", "url", "user-agent",
        "X-Mailgun-Sid", "X-Mailgun-Tag",
    }
)  # fmt: skip
type Fields = dict[str, list[str]]


def event(request: RawRequest) -> Event:
    """The event of one POST. Raises Unreadable for an email that came in by a route."""
    fields = request.form_lists()
    if "event" not in fields:
        raise Unreadable('Expected a field "event". Give this address the webhooks, not the routes.')
    name = first(fields, "event")
    kind = KINDS.get(name, Kind.UNKNOWN)
    message_id = first(fields, "Message-Id", "message-id")
    headers = message_headers(fields)
    comment = first(fields, "error", "notification", "description")
    code = first(fields, "code")
    at = epoch(fields.get("timestamp", [""])[-1])
    return Event(
        kind=kind,
        message_id=f"<{message_id}>" if message_id and not message_id.startswith("<") else message_id,
        header_id=header_id(message_id),
        recipient=bare(first(fields, "recipient")),
        occurred_at=at or request.received_at,
        event_id=fields.get("token", [""])[-1] or undated(at, fields),
        name=name,
        sender=bare(headers.get("From", "")),
        subject=headers.get("Subject", ""),
        tags=fields.get("tag") or fields.get("X-Mailgun-Tag") or (),
        argument=argument(variables(fields, headers)),
        comment=comment,
        code=replies.enhanced_code(code) or replies.enhanced_code(comment),
        bounce=replies.bounce(comment, code) if kind is Kind.BOUNCED else Bounce.NONE,
        url=first(fields, "url"),
        ip=first(fields, "ip"),
        user_agent=first(fields, "user-agent"),
        raw={name: values[0] if len(values) == 1 else values for name, values in fields.items()},
    )


def proof(request: RawRequest) -> tuple[str, str, str]:
    """Timestamp, token and signature: the last of each."""
    fields = request.form_lists()
    timestamp, token, signature = (fields.get(name, [""])[-1] for name in SIGNED)
    return timestamp, token, signature


def first(fields: Fields, *names: str) -> str:
    """The first value of the first of these fields that is there and not empty."""
    return next((fields[name][0] for name in names if fields.get(name) and fields[name][0]), "")


def message_headers(fields: Fields) -> dict[str, str]:
    """The email's headers, where Mailgun tells them: a list of pairs in JSON."""
    try:
        listed = read_json(first(fields, "message-headers") or "[]")
    except Unreadable:
        return {}
    pairs = [pair for pair in listed if isinstance(pair, list) and len(pair) == 2] if isinstance(listed, list) else []
    return {text(name): text(value) for name, value in pairs}


def variables(fields: Fields, headers: dict[str, str]) -> object:
    """The sender's variables: from the email's header where it is told, else whatever is not Mailgun's own."""
    if "X-Mailgun-Variables" in headers:
        try:
            return read_json(headers["X-Mailgun-Variables"])
        except Unreadable:
            return headers["X-Mailgun-Variables"]
    own = {name: values[-1] for name, values in fields.items() if name not in OWN_FIELDS}
    both = {name: values for name, values in fields.items() if name in OWN_FIELDS - {"tag", "X-Mailgun-Tag"}}
    mixed = {name: values[0 if name in SIGNED else -1] for name, values in both.items() if len(values) > 1}
    return mixed | own

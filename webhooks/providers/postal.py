"""Postal: one event per POST, signed with the RSA key of the user's own Postal server."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, bare, epoch, header_id, record, section, text, undated, words
from webhooks.requests import RawRequest, Refused, Unreadable

# By the status of a delivery, which says more than the event's name does.
STATUSES = {
    # The recipient's server has accepted it.
    "Sent": Kind.DELIVERED,
    "SoftFail": Kind.DEFERRED,
    # A refusal, or the end of all retries.
    "HardFail": Kind.BOUNCED,
    # Not sent unless somebody releases it: a suppressed recipient, a limit, a server in development mode.
    "Held": Kind.DROPPED,
    "HoldCancelled": Kind.PROCESSED,
}
NAMES = {
    "MessageSent": Kind.DELIVERED,
    "MessageDelayed": Kind.DEFERRED,
    "MessageDeliveryFailed": Kind.BOUNCED,
    "MessageHeld": Kind.DROPPED,
    "MessageBounced": Kind.BOUNCED,
    "MessageLinkClicked": Kind.CLICKED,
    "MessageLoaded": Kind.OPENED,
}
# About the server, not about an email.
NOT_OF_AN_EMAIL = frozenset({"SendLimitApproaching", "SendLimitExceeded", "DomainDNSError"})


def parse(request: RawRequest) -> list[Event]:
    """The event of one POST; none for what is not about an email that was sent."""
    data = record(request.json())
    if "rcpt_to" in data:
        raise Unreadable("This is an email that Postal received. Give this address the webhooks, not an HTTP endpoint.")
    payload = section(data, "payload")
    message = section(payload, "message") or section(payload, "original_message")
    if message.get("direction") == "incoming" or text(data.get("event")) in NOT_OF_AN_EMAIL:
        return []
    return [event(data, payload, message, request)]


def event(raw: Record, payload: Record, message: Record, request: RawRequest) -> Event:
    """One event. `output` is the server's reply, `details` Postal's own words."""
    name = text(raw.get("event"))
    kind = kind_of(name, payload)
    output = text(payload.get("output"))
    comment = output if output.strip() else text(payload.get("details"))
    at = epoch(raw.get("timestamp"))
    return Event(
        kind=kind,
        message_id=text(message.get("id")),
        header_id=header_id(message.get("message_id")),
        recipient=bare(message.get("to")),
        occurred_at=at or request.received_at,
        event_id=text(raw.get("uuid")) or undated(at, raw),
        name=name,
        sender=bare(message.get("from")),
        subject=text(message.get("subject")),
        tags=words(message.get("tag")),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        # A returned email is only named, not told, so it stays soft unless Postal's words say more.
        bounce=replies.bounce(comment) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(payload.get("url")),
        ip=text(payload.get("ip_address")),
        user_agent=text(payload.get("user_agent")),
        raw=raw,
    )


def kind_of(name: str, payload: Record) -> Kind:
    """The kind: by the delivery's status, by what the payload holds, by the name."""
    if "status" in payload:
        return STATUSES.get(text(payload["status"]), Kind.UNKNOWN)
    if "bounce" in payload:
        return Kind.BOUNCED
    return Kind.CLICKED if "url" in payload else NAMES.get(name, Kind.UNKNOWN)


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and the signature: the newer SHA-256 one where it is there, else SHA-1."""
    base.verify_basic_auth(request, secrets, now)
    base.needed(secrets, "public_key")
    newer, older = (request.headers.get(name, "") for name in ("x-postal-signature-256", "x-postal-signature"))
    if not newer and not older:
        raise Refused(_("The request is not signed."))
    signature, algorithm = (newer, SHA256()) if newer else (older, SHA1())  # noqa: S303 - what older Postals send
    if not any(fits(key, signature, request.body, algorithm) for key in base.public_keys(secrets["public_key"])):
        raise base.wrong_signature()


def fits(key: object, signature: str, message: bytes, algorithm: HashAlgorithm) -> bool:
    """Whether the signature of the message is of this key (an RSA key; any other fits nothing)."""
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(base.decoded(signature), message, PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Postal tells it."""
    number = int(at.timestamp() * 1000)
    raw = {
        "event": "MessageSent",
        "timestamp": at.timestamp(),
        "uuid": f"7e570000-0000-4000-8000-{number:012x}",
        "payload": {
            "status": "Sent",
            "details": "Message accepted",
            "output": "250 2.0.0 OK",
            "time": 0.2,
            "sent_with_ssl": True,
            "timestamp": at.timestamp(),
            "message": {
                "id": number,
                "token": "live-feeds-test",
                "direction": "outgoing",
                "message_id": f"{number}@rp.postal.example.com",
                "to": recipient,
                "from": "sender@example.com",
                "subject": "A test of Live Feeds",
                "tag": "live-feeds-test",
            },
        },
    }
    return RawRequest(json.dumps(raw).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="postal",
    name="Postal",
    steps=(
        gettext_lazy("In Postal, open your mail server's Webhooks page and add a webhook."),
        gettext_lazy("Paste {address} as URL and have it sent all events."),
        gettext_lazy(
            "On the machine Postal runs on, type: postal default-dkim-record. Copy what follows p= up to the semicolon."
        ),
        gettext_lazy("Paste it into this source as the public key."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "public_key",
            gettext_lazy("Public key"),
            gettext_lazy("The part after p= of Postal's default DKIM record, or the key in PEM format."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", "x-postal-signature", "x-postal-signature-256"),
)

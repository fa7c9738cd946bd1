"""SendGrid's Event Webhook: a JSON list of events, signed with ECDSA over a timestamp and the body."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, epoch, header_id, records, text, undated, words
from webhooks.requests import RawRequest, Refused

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
# The timestamp is part of what is signed. SendGrid tries for 24 hours and does not say whether it signs a later
# try anew, so anything younger than that may be genuine; a replay changes nothing, as every event has an id.
OLDEST = timedelta(hours=25)

KINDS = {
    "processed": Kind.PROCESSED,
    "deferred": Kind.DEFERRED,
    "delivered": Kind.DELIVERED,
    "bounce": Kind.BOUNCED,
    "blocked": Kind.BOUNCED,
    "dropped": Kind.DROPPED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "spamreport": Kind.SPAM,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "group_unsubscribe": Kind.UNSUBSCRIBED,
    "group_resubscribe": Kind.RESUBSCRIBED,
}
# Says something about the account, not about an email.
NOT_OF_AN_EMAIL = frozenset({"account_status_change"})
# All that SendGrid itself puts into an event. Whatever else is there are the sender's unique arguments.
OWN_FIELDS = frozenset(
    {
        "anymail_id", "asm_group_id", "attempt", "bounce_classification", "category", "cert_err", "email", "event",
        "ip", "marketing_campaign_id", "marketing_campaign_name", "marketing_campaign_split_id",
        "marketing_campaign_version", "mc_stats", "newsletter", "nlvx_campaign_id", "nlvx_campaign_split_id",
        "nlvx_user_id", "phase_id", "pool", "post_type", "reason", "response", "send_at", "sg_content_type",
        "sg_event_id", "sg_machine_open", "sg_message_id", "sg_template_id", "sg_template_name", "singlesend_id",
        "singlesend_name", "smtp-id", "status", "template_hash", "template_id", "template_version_id", "timestamp",
        "tls", "type", "url", "url_offset", "useragent",
    }
)  # fmt: skip


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST."""
    return [event(raw, request) for raw in records(request.json()) if text(raw.get("event")) not in NOT_OF_AN_EMAIL]


def event(raw: Record, request: RawRequest) -> Event:
    """One event. `response` holds the server's reply of a delivery or deferral, `reason` that of a bounce."""
    name = text(raw.get("event"))
    kind = KINDS.get(name, Kind.UNKNOWN)
    if kind is Kind.OPENED and raw.get("sg_machine_open") is True:
        kind = Kind.MACHINE_OPENED
    comment = text(raw.get("response") or raw.get("reason"))
    status = text(raw.get("status"))
    at = epoch(raw.get("timestamp"))
    own = {name: value for name, value in raw.items() if name not in OWN_FIELDS}
    return Event(
        kind=kind,
        message_id=message_id(raw),
        recipient=bare(raw.get("email")),
        occurred_at=at or request.received_at,
        event_id=text(raw.get("sg_event_id")) or undated(at, raw),
        name=name,
        tags=words(raw.get("category")),
        argument=argument(own) if own else "",
        comment=comment,
        # As it was when SendGrid took the email; opens and clicks do not have it.
        header_id=header_id(raw.get("smtp-id")),
        code=replies.enhanced_code(comment) or replies.enhanced_code(status),
        bounce=hard_or_soft(raw, comment, status) if kind is Kind.BOUNCED else Bounce.NONE,
        url=text(raw.get("url")),
        ip=text(raw.get("ip")),
        user_agent=text(raw.get("useragent")),
        raw=raw,
    )


def message_id(raw: Record) -> str:
    """The one id that all events of an email share.

    Anymail's own id is on all of them where Anymail sent. Else it is the part of sg_message_id before the name of
    the machine that handled the event (`.filter...`, `.recvd-...`), which is different in each event. A drop of
    old holds nothing but the machine; there the same part is found in smtp-id, which opens and clicks do not have.
    """
    own = raw.get("anymail_id")
    if own:
        return text(own)
    full = text(raw.get("sg_message_id"))
    for machine in (".filter", ".recvd"):
        head, found, _rest = full.partition(machine)
        if found and head:
            return head
    if full and not full.startswith(("filter", "recvd")):
        return full.partition(".")[0]
    return text(raw.get("smtp-id")).strip("<>").partition("@")[0] or full


def hard_or_soft(raw: Record, reply: str, status: str) -> Bounce:
    """`blocked` and `expired` say nothing against the address; a `bounce` does, but for a full mailbox and the like."""
    if raw.get("type") in ("blocked", "expired") or raw.get("event") == "blocked":
        return Bounce.SOFT
    return replies.bounce(reply, status, unsaid=Bounce.HARD)


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and where a key is set the signature and its age."""
    base.verify_basic_auth(request, secrets, now)
    if not secrets.get("public_key", "").strip():
        return
    stamp = request.headers.get(TIMESTAMP, "")
    signature = base.decoded(request.headers.get(SIGNATURE, ""))
    if not any(fits(key, signature, stamp.encode() + request.body) for key in base.public_keys(secrets["public_key"])):
        raise base.wrong_signature()
    signed_at = epoch(stamp)
    if signed_at is None or now - signed_at > OLDEST:
        raise Refused(_("The request was signed more than a day ago: SendGrid has given up sending it by now."))


def fits(key: object, signature: bytes, message: bytes) -> bool:
    """Whether the signature of the message is of this key (an elliptic curve's; any other fits nothing)."""
    if not isinstance(key, EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as SendGrid tells it."""
    token = f"test{int(at.timestamp() * 1000):x}"
    raw = {
        "email": recipient,
        "timestamp": int(at.timestamp()),
        "smtp-id": f"<{token}@geopod-ismtpd-7>",
        "event": "delivered",
        "category": ["live-feeds-test"],
        "sg_event_id": f"ZGVsaXZlcmVk-{token}",
        "sg_message_id": f"{token}.recvd-5f54b5d587-abcde-1-65A4F1C2-3.0",
        "response": "250 2.0.0 OK: queued as 4F1C2A65",
    }
    return RawRequest(json.dumps([raw]).encode(), at.astimezone(UTC))


PROVIDER = base.Provider(
    slug="sendgrid",
    name="SendGrid",
    steps=(
        gettext_lazy("In SendGrid, open Settings > Mail Settings > Event Webhooks and press Create new webhook."),
        gettext_lazy("Paste {address} as Post URL and choose all actions to be posted."),
        gettext_lazy(
            "Switch Signature Verification on and save. Open the webhook again and copy its Verification Key here."
        ),
        gettext_lazy("Press Test Your Integration: the events it sends appear in your feed."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "public_key",
            gettext_lazy("Verification Key"),
            gettext_lazy(
                "Shown by SendGrid once Signature Verification is on. "
                "Without it anybody who knows the address can post to it."
            ),
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", SIGNATURE, TIMESTAMP),
)

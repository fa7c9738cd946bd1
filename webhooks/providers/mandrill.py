"""Mandrill (Mailchimp Transactional): a form with a JSON list of events, signed together with the address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks.providers import base, replies
from webhooks.providers.fields import Record, argument, bare, entries, epoch, records, section, text, undated, words
from webhooks.requests import RawRequest, Refused, Unreadable, read_json

FIELD = "mandrill_events"
KINDS = {
    # Mandrill has sent it out; "delivered" comes apart from it.
    "send": Kind.SENT,
    "delivered": Kind.DELIVERED,
    "deferral": Kind.DEFERRED,
    "hard_bounce": Kind.BOUNCED,
    "soft_bounce": Kind.BOUNCED,
    "open": Kind.OPENED,
    "click": Kind.CLICKED,
    "spam": Kind.SPAM,
    "unsub": Kind.UNSUBSCRIBED,
    "reject": Kind.DROPPED,
}
BOUNCES = {"hard_bounce": Bounce.HARD, "soft_bounce": Bounce.SOFT}
# Changes of the account's own allow and deny lists: not about an email.
SYNC = frozenset({"whitelist", "blacklist"})


def parse(request: RawRequest) -> list[Event]:
    """The events of one POST; none for the empty one with which Mandrill tries an address."""
    fields = request.form()
    if FIELD not in fields:
        raise Unreadable(f'Expected a form with a field "{FIELD}".')
    found = records(read_json(fields[FIELD]))
    return [event(raw, request) for raw in found if text(raw.get("type")) not in SYNC]


def event(raw: Record, request: RawRequest) -> Event:
    """One event."""
    name = text(raw.get("event") or raw.get("type"))
    if name == "inbound":
        raise Unreadable(
            "This is an email that Mandrill received. Give this address the webhooks, not the inbound routes."
        )
    message = section(raw, "msg")
    comment = reply(message)
    at = epoch(raw.get("ts"))
    return Event(
        kind=KINDS.get(name, Kind.UNKNOWN),
        message_id=text(raw.get("_id") or message.get("_id")),
        recipient=bare(message.get("email")),
        occurred_at=at or request.received_at,
        # `_id` is the email's; events have no id of their own.
        event_id=undated(at, raw),
        name=name,
        sender=bare(message.get("sender")),
        subject=text(message.get("subject")),
        tags=words(message.get("tags")),
        argument=argument(message.get("metadata")),
        comment=comment,
        code=replies.enhanced_code(comment) if comment else "",
        bounce=BOUNCES.get(name, Bounce.NONE),
        url=text(raw.get("url")),
        ip=text(raw.get("ip")),
        user_agent=text(raw.get("user_agent")),
        raw=raw,
    )


def reply(message: Record) -> str:
    """The server's reply: of a bounce, else the last one of the attempts; else why Mandrill itself refused."""
    if message.get("diag"):
        return text(message["diag"])
    attempts = [attempt for attempt in entries(message, "smtp_events") if isinstance(attempt, dict)]
    last = text(attempts[-1].get("diag")) if attempts else ""
    return last or text(message.get("bounce_description") or section(message, "reject").get("reason"))


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, and the signature; the empty list that Mandrill tries an address with has none.

    While a webhook is being made its key is not yet known to anybody, so what Mandrill sends then proves nothing;
    it holds nothing, either.
    """
    base.verify_basic_auth(request, secrets, now)
    try:
        fields = request.form()
    except Unreadable:
        raise Refused(_("The request is not a form that Mandrill signed.")) from None
    if {name: value.strip() for name, value in fields.items()} == {FIELD: "[]"}:
        return
    given = request.headers.get("x-mandrill-signature", "")
    keys = base.needed(secrets, "signing_secret")
    wanted = [signature(url, fields, key) for url in addresses(request.url, secrets) for key in keys]
    if not base.matches(given, wanted):
        raise base.wrong_signature()


def addresses(url: str, secrets: base.Secrets) -> list[str]:
    """How the address may be written at Mandrill, which signs it letter by letter: with name and password, too."""
    parts = urlsplit(url)
    pairs = [pair.partition(":") for pair in base.values(secrets, "basic_auth")]
    written = [(f"{name}:{word}", f"{quote(name, safe='')}:{quote(word, safe='')}") for name, _colon, word in pairs]
    return [url, *(parts._replace(netloc=f"{auth}@{parts.netloc}").geturl() for pair in written for auth in pair)]


def signature(url: str, fields: Mapping[str, str], key: str) -> str:
    """What Mandrill signs: the address, then each field's name and value in the order of the names."""
    message = url + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(key.encode(), message.encode(errors="replace"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as Mandrill tells it."""
    token = f"{int(at.timestamp() * 1000):032x}"
    raw = {
        "event": "delivered",
        "_id": token,
        "ts": int(at.timestamp()),
        "msg": {
            "_id": token,
            "ts": int(at.timestamp()),
            "email": recipient,
            "sender": "sender@example.com",
            "subject": "A test of Live Feeds",
            "tags": ["live-feeds-test"],
            "metadata": {},
            "state": "sent",
            "diag": "250 2.0.0 OK 4f1c2a65",
        },
    }
    body = urlencode({FIELD: json.dumps([raw])}).encode()
    return RawRequest(body, at.astimezone(UTC), "application/x-www-form-urlencoded")


PROVIDER = base.Provider(
    slug="mandrill",
    name="Mandrill (Mailchimp Transactional)",
    steps=(
        gettext_lazy("In Mandrill, open Settings > Webhooks and press Add a Webhook."),
        gettext_lazy(
            "Choose every event and paste {address} as Post To URL, letter by letter: it is part of the signature."
        ),
        gettext_lazy("Copy the webhook's Key from the list into this source."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "signing_secret",
            gettext_lazy("Key"),
            gettext_lazy("Shown in the Key column of Mandrill's list of webhooks."),
            required=True,
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization", "x-mandrill-signature"),
)

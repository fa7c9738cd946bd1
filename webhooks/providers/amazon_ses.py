"""Amazon SES by way of Amazon SNS: one message holds one event of one email, for one or several recipients.

SES has two formats, event publishing (`eventType`) and feedback notifications (`notificationType`), alike but for that.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds.events import Bounce, Event, Kind
from webhooks import sns
from webhooks.providers import base, replies
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
from webhooks.requests import RawRequest, Refused, Unreadable, read_json

KINDS = {
    # SES has accepted the email; it has not handed it over yet.
    "Send": Kind.PROCESSED,
    "Delivery": Kind.DELIVERED,
    "DeliveryDelay": Kind.DEFERRED,
    "Bounce": Kind.BOUNCED,
    "Complaint": Kind.SPAM,
    "Reject": Kind.DROPPED,
    "Rendering Failure": Kind.DROPPED,
    "Open": Kind.OPENED,
    "Click": Kind.CLICKED,
    "Subscription": Kind.UNSUBSCRIBED,
}
# The object with the details is named by the event's name in lower case, but for these.
DETAILS = {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}
# Sub-types of bounces of which nothing was sent: the address was on a suppression list.
NOT_SENT = frozenset({"Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"})
RECIPIENTS = ("bouncedRecipients", "complainedRecipients", "delayedRecipients", "recipients")
# SNS says so in plain words once event publishing has been connected to it.
VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."


def parse(request: RawRequest) -> list[Event]:
    """The events of one SNS message: one for each recipient it is about."""
    envelope = record(request.json())
    message = envelope.get("Message")
    if envelope.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return []
    if not isinstance(message, str):
        raise Unreadable("Expected a message of Amazon SNS with the text of an event under Message.")
    if message.strip() == VALIDATED:
        return []
    return events(record(read_json(message)), envelope, request)


def events(raw: Record, envelope: Record, request: RawRequest) -> list[Event]:
    """The events in one SES message."""
    name = text(raw.get("eventType") or raw.get("notificationType"))
    if name == "Received":
        raise Unreadable("This is an email that SES received. Give this address the events of emails you send.")
    mail = section(raw, "mail")
    details = section(raw, DETAILS.get(name, name.lower()))
    # The time SNS published it, moments after it occurred: it is there in every kind of event.
    at = iso(envelope.get("Timestamp")) or iso(details.get("timestamp")) or iso(mail.get("timestamp"))
    make = partial(
        Event,
        kind=kind_of(name, details),
        message_id=text(mail.get("messageId")).strip("<>"),
        # The sender's own: SES gives the email another one, made of its id, on the way out.
        header_id=header_id(
            section(mail, "commonHeaders").get("messageId") or next(iter(headers(mail, "message-id")), "")
        ),
        occurred_at=at or request.received_at,
        event_id=text(details.get("feedbackId") or envelope.get("MessageId")) or undated(at, raw),
        name=name,
        sender=bare(mail.get("source")),
        subject=text(section(mail, "commonHeaders").get("subject")),
        tags=tags(mail),
        argument=argument(metadata(mail)),
        url=text(details.get("link")),
        ip=text(details.get("ipAddress")),
        user_agent=text(details.get("userAgent")),
        raw=raw,
    )
    return [
        make(recipient=address, comment=reply, code=replies.enhanced_code(reply) or replies.enhanced_code(status),
             bounce=hard_or_soft(details, reply, status) if make.keywords["kind"] is Kind.BOUNCED else Bounce.NONE)
        for address, reply, status in recipients(mail, details, named=bool(name))
    ]  # fmt: skip


def kind_of(name: str, details: Record) -> Kind:
    """The kind, after the sub-types that make something else of it."""
    kind = KINDS.get(name, Kind.UNKNOWN)
    if kind is Kind.BOUNCED and text(details.get("bounceSubType")) in NOT_SENT:
        return Kind.DROPPED
    if kind is Kind.SPAM and details.get("complaintSubType") == "OnAccountSuppressionList":
        return Kind.DROPPED
    if kind is Kind.SPAM and details.get("complaintFeedbackType") == "not-spam":
        # RFC 6430: the recipient takes the complaint back.
        return Kind.UNKNOWN
    if kind is Kind.UNSUBSCRIBED and subscribed(section(details, "newTopicPreferences")):
        return Kind.RESUBSCRIBED
    return kind


def subscribed(preferences: Record) -> bool:
    """Whether a change of a contact's preferences leaves them on the whole list."""
    topics = [topic for topic in entries(preferences, "topicSubscriptionStatus") if isinstance(topic, dict)]
    left = any(topic.get("subscriptionStatus") == "OptOut" for topic in topics)
    return preferences.get("unsubscribeAll") is False and not left


def recipients(mail: Record, details: Record, named: bool) -> list[tuple[str, str, str]]:
    """Whom an event is about: address, the server's reply, status code.

    Opens, clicks and sends do not say which recipient: they are about all whom the email went to.
    """
    general = text(details.get("smtpResponse") or details.get("reason") or details.get("errorMessage"))
    if text(details.get("bounceSubType")) in NOT_SENT:
        general = text(details.get("bounceSubType"))
    found = next((listed for field in RECIPIENTS if (listed := entries(details, field))), None)
    if not found:
        found = entries(mail, "destination") or ([""] if named else [])
    people = [person if isinstance(person, dict) else {"emailAddress": person} for person in found]
    return [
        (bare(person.get("emailAddress")), text(person.get("diagnosticCode")) or general, text(person.get("status")))
        for person in people
    ]


def hard_or_soft(details: Record, reply: str, status: str) -> Bounce:
    """As SES says; where it could not determine it, as the server's reply says."""
    if details.get("bounceType") == "Undetermined":
        return replies.bounce(reply, status)
    return Bounce.HARD if details.get("bounceType") == "Permanent" else Bounce.SOFT


def tags(mail: Record) -> list[str]:
    """The sender's tags: X-Tag headers, and message tags but for those SES adds itself."""
    own = [f"{name}:{value}" for name, values in section(mail, "tags").items() if not name.startswith("ses:")
           for value in words(values)]  # fmt: skip
    return [*headers(mail, "x-tag"), *own]


def metadata(mail: Record) -> object:
    """What the sender put into an X-Metadata header, as django-anymail does."""
    found = headers(mail, "x-metadata")
    try:
        return read_json(found[0]) if found else None
    except Unreadable:
        return found[0]


def headers(mail: Record, name: str) -> list[str]:
    """The values of a header of the email (name in lower case)."""
    listed = [header for header in entries(mail, "headers") if isinstance(header, dict)]
    return [text(header.get("value")) for header in listed if text(header.get("name")).lower() == name]


def verify(request: RawRequest, secrets: base.Secrets, now: datetime) -> None:
    """Check the name and password, the topic where one is set, and Amazon's signature."""
    base.verify_basic_auth(request, secrets, now)
    try:
        envelope = record(request.json())
    except Unreadable:
        raise Refused(_("The request is not a signed Amazon SNS message.")) from None
    topics = base.values(secrets, "topic_arn")
    if topics and text(envelope.get("TopicArn")) not in topics:
        raise Refused(_("The request is from another topic than the one set for this source."))
    sns.verify(envelope, now)


def settle(request: RawRequest) -> None:
    """Confirm the subscription, where the request asks for it. Raises Refused and TryLater."""
    sns.confirm(request)


def sample(recipient: str, at: datetime) -> RawRequest:
    """A delivery, as SES tells it through SNS."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message_id = f"{int(at.timestamp() * 1000):016x}-7e57-000000"
    raw = {
        "eventType": "Delivery",
        "mail": {
            "timestamp": moment,
            "messageId": message_id,
            "source": "sender@example.com",
            "destination": [recipient],
            "commonHeaders": {"subject": "A test of Live Feeds"},
            "tags": {"live-feeds": ["test"]},
        },
        "delivery": {"timestamp": moment, "recipients": [recipient], "smtpResponse": "250 2.0.0 OK 7e57"},
    }
    envelope = {"Type": "Notification", "MessageId": message_id, "Timestamp": moment, "Message": json.dumps(raw)}
    return RawRequest(json.dumps(envelope).encode(), at.astimezone(UTC), "text/plain; charset=UTF-8")


PROVIDER = base.Provider(
    slug="amazon_ses",
    name="Amazon SES",
    steps=(
        gettext_lazy("In the Amazon SNS console, create a Standard topic in the region you send from."),
        gettext_lazy(
            "Create a subscription of the topic: protocol HTTPS, endpoint {address}, raw message delivery off."
        ),
        gettext_lazy("The subscription is confirmed by itself within a minute; its status becomes Confirmed."),
        gettext_lazy(
            "In the Amazon SES console, open your configuration set, add an event destination "
            "and choose all event types."
        ),
        gettext_lazy("Choose Amazon SNS and your topic, and send your emails with this configuration set."),
    ),
    parse=parse,
    verify=verify,
    sample=sample,
    secrets=(
        base.SecretField(
            "topic_arn",
            gettext_lazy("Topic ARN"),
            gettext_lazy("Optional. When set, messages of any other topic are refused."),
        ),
        base.BASIC_AUTH,
    ),
    headers=("authorization",),
    settle=settle,
)

"""What is wrong with an order: everything at once, each with the field it is in and what to do about it.

Fields are named as in the JSON of the API, whoever ordered.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from delivery.compose import refusal
from delivery.orders import Fault
from delivery.recipients import read
from feeds.batch import MOST_TAGS
from suppression.addresses import NotAnAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from delivery.orders import Attached, Group, Order

# Netcore advises no more than 5,000 personalizations in a request; each may have a cc or a bcc.
MOST_RECIPIENTS = 10_000
# All of a group stand in the header of each of its emails: more are meant to have groups of their own.
MOST_VISIBLE = 100
# RFC 5322, 2.1.1: a line has 998 letters at the most.
LONGEST_SUBJECT = 998
LONGEST_PATH = 200
LONGEST_ARGUMENT, LONGEST_TAG = 255, 100
# An email waits in the feed, and the feed forgets: nothing is scheduled for longer.
FURTHEST = timedelta(days=30)


def missing(field: str, description: str) -> Fault:
    return Fault(field, _("Missing required field"), description)


def invalid(field: str, description: str) -> Fault:
    return Fault(field, _("Invalid value"), description)


def too_many(count: int) -> Fault:
    """More recipients than one request may have."""
    sentence = _("A request may have %(most)d recipients, and this one has %(n)d. Divide it into several.")
    return invalid("personalizations", sentence % {"most": MOST_RECIPIENTS, "n": count})


def of(order: Order, now: datetime) -> list[Fault]:
    """What is wrong with the order itself; whose it is does not matter."""
    return [*_sender(order), *_content(order), *_recipients(order), *_labels(order), *_size(order), *_time(order, now)]


def sender_domain(name: str) -> Fault:
    """The account may not send as somebody of this domain."""
    return Fault(
        "from.email",
        _("Unknown sender domain"),
        _("%(domain)s is not a sender domain of this account. Add it in Settings, Domains, or send from one that is.")
        % {"domain": name},
    )


def unproven_domain(name: str, selector: str) -> Fault:
    """The account has added this domain, but has not shown that it is its own."""
    return Fault(
        "from.email",
        _("Sender domain not confirmed"),
        _(
            "Nothing shows yet that %(domain)s belongs to this account. Make the TXT record %(record)s in its DNS, with"
            " the value in Settings, Domains, and press Check now there."
        )
        % {"domain": name, "record": f"{selector}._domainkey.{name}"},
    )


def _sender(order: Order) -> Iterator[Fault]:
    if not order.sender.address.strip():
        yield missing("from.email", _("Say which address the message comes from."))
        return
    for author in (order.sender, *order.authors):
        try:
            read(author.address.strip())
        except NotAnAddress as error:
            yield invalid("from.email", str(error))
    if order.reply_to:
        try:
            read(order.reply_to.strip())
        except NotAnAddress as error:
            yield invalid("reply_to", str(error))


def _content(order: Order) -> Iterator[Fault]:
    if order.raw is not None:
        return
    if not order.subject.strip():
        yield missing("subject", _("The subject must not be empty."))
    elif len(order.subject) > LONGEST_SUBJECT:
        yield invalid("subject", _("A subject may have %(n)d letters.") % {"n": LONGEST_SUBJECT})
    if not order.html.strip() and not order.text.strip():
        yield missing("content", _("Give at least one content of the type html or text."))
    yield from _headers("headers", order.headers)


def _recipients(order: Order) -> Iterator[Fault]:
    if not order.groups:
        yield missing("personalizations", _("Name at least one recipient."))
    count = 0
    for n, group in enumerate(order.groups):
        path = f"personalizations[{n}]"
        count += len(group.to) + len(group.cc) + len(group.bcc) + len(order.bcc)
        yield from _group(order, group, path)
    if count > MOST_RECIPIENTS:
        yield too_many(count)


def _group(order: Order, group: Group, path: str) -> Iterator[Fault]:
    if not group.to:
        yield missing(f"{path}.to", _("Name at least one recipient."))
    if order.raw is None and len(group.to) + len(group.cc) > MOST_VISIBLE:
        yield invalid(
            f"{path}.to",
            _(
                "All recipients of a personalization see each other, and there may be %(n)d of them. Give each a"
                " personalization of its own."
            )
            % {"n": MOST_VISIBLE},
        )
    named = {"token_to": group.argument, "token_cc": group.argument_cc, "token_bcc": group.argument_bcc}
    for name, argument in named.items():
        if len(argument) > LONGEST_ARGUMENT:
            yield invalid(f"{path}.{name}", _("It may have %(n)d letters.") % {"n": LONGEST_ARGUMENT})
    yield from _headers(f"{path}.headers", group.headers)


def _headers(path: str, headers: Mapping[str, str]) -> Iterator[Fault]:
    for name, value in headers.items():
        if sentence := refusal(name, value):
            yield invalid(f"{path}.{name}"[:LONGEST_PATH], sentence)


def _labels(order: Order) -> Iterator[Fault]:
    if len(order.tags) > MOST_TAGS:
        yield invalid("tags", _("A message may have %(n)d tags.") % {"n": MOST_TAGS})
    for n, tag in enumerate(order.tags):
        if len(tag) > LONGEST_TAG:
            yield invalid(f"tags[{n}]", _("It may have %(n)d letters.") % {"n": LONGEST_TAG})


def _size(order: Order) -> Iterator[Fault]:
    most = settings.MESSAGE_MOST_MB * 1024 * 1024
    too_large = _("A message may have %(n)d MB with its attachments, as they are sent.") % {
        "n": settings.MESSAGE_MOST_MB
    }
    if order.raw is not None:
        if len(order.raw) > most:
            yield invalid("content", too_large)
        return
    shared = sum(len(text.encode(errors="replace")) for text in (order.html, order.text, order.amp))
    shared += _sent_size(order.attachments)
    if shared > most:
        yield invalid("attachments" if order.attachments else "content", too_large)
        return
    for n, group in enumerate(order.groups):
        if group.attachments and shared + _sent_size(group.attachments) > most:
            yield invalid(f"personalizations[{n}].attachments", too_large)


def _sent_size(attachments: Iterable[Attached]) -> int:
    """In base64, with its line ends."""
    return sum(len(attached.content) * 78 // 57 for attached in attachments)


def _time(order: Order, now: datetime) -> Iterator[Fault]:
    if order.send_at is not None and order.send_at > now + FURTHEST:
        yield invalid(
            "schedule",
            _("A message can be scheduled for at most %(n)d days ahead. It is a time in seconds since 1970 (Unix).")
            % {"n": FURTHEST.days},
        )

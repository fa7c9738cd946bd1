"""What is kept of an order beside its content, so that it can be handed in once more to some of its recipients."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from delivery.models import Attachment, Message, Origin
from delivery.orders import Attached, Group, Mailbox, Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from delivery.recipients import Recipient
    from feeds.models import Email


def groups_of(order: Order, recipients: Iterable[Recipient]) -> list[dict[str, Any]]:
    """Who is in each group of an order, in the order of its emails, and what differs between the groups."""
    kept: list[dict[str, Any]] = [{"who": []} for _group in order.groups]
    for entry, group in zip(kept, order.groups, strict=True):
        if group.attributes:
            entry["attributes"] = dict(group.attributes)
        if group.headers:
            entry["headers"] = dict(group.headers)
    for recipient in recipients:
        kept[recipient.group]["who"].append([recipient.wire, recipient.name] if recipient.name else [recipient.wire])
    return kept


def order_of(message: Message, emails: Sequence[Email]) -> Order | None:
    """The order again, with just these of its emails, a group for each that is found in it; None where its content is
    not kept any more.

    Each of them is alone in the header: the others it was addressed to beside it are not written to again.
    """
    if (message.parts is None and message.raw is None) or message.groups is None:
        return None
    places = _places(message)
    files: dict[int | None, list[Attached]] = {}
    for file in Attachment.objects.filter(message=message).order_by("id"):
        attached = Attached(file.name, file.content_type, bytes(file.content))
        files.setdefault(file.recipient_group, []).append(attached)
    groups = [
        Group(
            [place.mailbox], attributes=place.kept.get("attributes", {}), headers=place.kept.get("headers", {}),
            attachments=files.get(place.number, ()), argument=email.argument,
        )
        for email in emails
        if (place := places.get((email.message_id, email.recipient))) is not None
    ]  # fmt: skip
    if not groups:
        return None
    parts = message.parts or {}
    return Order(
        Mailbox(message.sender, message.sender_name), message.subject, groups, reply_to=parts.get("reply_to", ""),
        html=parts.get("html", ""), text=parts.get("text", ""), amp=parts.get("amp", ""),
        attachments=files.get(None, ()), headers=parts.get("headers", {}), tags=emails[0].tags,
        settings=message.settings, origin=Origin.PAGE, key_id=message.key_id,
        raw=bytes(message.raw) if message.raw is not None else None, is_test=message.is_test,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recipient stood in the order: the group, what is kept of that, and as whom."""

    number: int
    kept: Mapping[str, Any]
    mailbox: Mailbox


def _places(message: Message) -> dict[tuple[str, str], Place]:
    """The places by the message ids of the emails' events and their recipients in lower case."""
    seen: Counter[str] = Counter()
    places: dict[tuple[str, str], Place] = {}
    for number, kept in enumerate(message.groups or []):
        for wire, *name in kept["who"]:
            known = wire.lower()
            seen[known] += 1
            uid = message.uid if seen[known] == 1 else f"{message.uid}.{seen[known]}"
            places[uid, known] = Place(number, kept, Mailbox(wire, *name))
    return places

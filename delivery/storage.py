"""The rows of a message and of its emails that are to be sent: few statements, however many emails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection

from accounts import prepared
from delivery.handed import trace
from delivery.kept import groups_of
from delivery.recipients import read
from suppression.addresses import NotAnAddress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from delivery.accept import Plan
    from delivery.orders import Attached, Group, Mailbox, Order, Placed

ADD_MESSAGE = """
insert into delivery_message (id, uid, account_id, origin, key_id, sender, sender_name, subject, settings, parts, raw,
    groups, is_test, created_at, kept_until)
values (feeds_id(%(now)s, nextval('feeds_id_seq')), %(uid)s, %(account)s, %(origin)s, %(key)s, %(sender)s,
    %(sender_name)s, %(subject)s, %(settings)s, %(parts)s, %(raw)s, %(groups)s, %(is_test)s, %(now)s, %(kept_until)s)
returning id
"""
ADD_FILES = (
    "copy delivery_attachment (message_id, recipient_group, name, content_type, content) from stdin (format binary)"
)
QUEUE = (
    "copy delivery_outgoing (email_id, account_id, message_id, message_uid, recipient, domain, recipient_name,"
    " recipient_group, addressed, attributes, headers, held, accepted_at, next_attempt_at, expires_at, attempts,"
    " is_paid, interrupted, code, reply) from stdin"
)


def add_message(plan: Plan, uid: str) -> int:
    """The message with its files; without any content where nobody is to get it."""
    order = plan.order
    wanted = any(not recipient.problem for recipient in plan.recipients)
    parts = {
        "reply_to": order.reply_to, "html": order.html, "text": order.text, "amp": order.amp,
        "headers": dict(order.headers),
    }  # fmt: skip
    row: dict[str, Any] = {
        "now": plan.now, "uid": uid, "account": plan.account_id, "origin": int(order.origin), "key": order.key_id,
        "sender": plan.sender, "sender_name": storable(order.sender.name), "subject": storable(order.subject),
        "settings": as_json(dict(order.settings)), "parts": as_json(parts) if wanted and order.raw is None else None,
        "raw": _raw(order, uid, plan.now) if wanted else None,
        "groups": as_json(groups_of(order, plan.recipients)) if wanted else None,
        "is_test": order.is_test, "kept_until": plan.kept_until,
    }  # fmt: skip
    with prepared.cursor() as cursor:
        cursor.execute(ADD_MESSAGE, row)
        (message_id,) = cursor.fetchone()
        files = list(_files(order, message_id)) if wanted else []
        if files:
            with cursor.copy(ADD_FILES) as copy:
                copy.set_types(["int8", "int4", "text", "text", "bytea"])
                for file in files:
                    copy.write_row(file)
    return int(message_id)


def _raw(order: Order, uid: str, now: datetime) -> bytes | None:
    if order.raw is None or order.passage is None:
        return order.raw
    return trace(order.passage, uid, now) + order.raw


def _files(order: Order, message_id: int) -> Iterator[tuple[Any, ...]]:
    groups: list[tuple[int | None, Sequence[Attached]]] = [(None, order.attachments)]
    groups += [(n, group.attachments) for n, group in enumerate(order.groups)]
    for number, attachments in groups:
        for file in attachments:
            yield message_id, number, storable(file.name), storable(file.content_type), file.content


def queue(
    plans: Sequence[Plan], messages: Sequence[int], placed: Sequence[Sequence[Placed]], uids: Sequence[Sequence[str]]
) -> None:
    """Have everybody who is not dropped sent to. All four have an entry for each message."""
    told = zip(plans, messages, placed, uids, strict=True)
    rows = [row for plan, message_id, places, own in told for row in _queued(plan, message_id, places, own)]
    if rows:
        with connection.cursor() as cursor, cursor.copy(QUEUE) as copy:
            for row in rows:
                copy.write_row(row)


def _queued(plan: Plan, message_id: int, placed: Sequence[Placed], uids: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    shared = [_shared(plan.order, group) for group in plan.order.groups]
    expiries = {domain: plan.expires_at(domain) for domain in {recipient.domain for recipient in plan.recipients}}
    for recipient, place, uid in zip(plan.recipients, placed, uids, strict=True):
        if recipient.problem:
            continue
        alone, addressed, attributes, headers = shared[recipient.group]
        yield (
            place.email_id, plan.account_id, message_id, uid, recipient.wire, recipient.domain,
            storable(recipient.name), recipient.group, None if recipient.wire == alone else addressed, attributes,
            headers, int(plan.held), plan.now, plan.first_at, expiries[recipient.domain], 0, False, False, "", "",
        )  # fmt: skip


def _shared(order: Order, group: Group) -> tuple[str, str | None, str | None, str | None]:
    """What all emails of a group have in common: who alone is in the header, or all who are, attributes, headers."""
    attributes = as_json(dict(group.attributes)) if group.attributes else None
    headers = as_json(dict(group.headers)) if group.headers else None
    if order.raw is not None:
        return "", None, attributes, headers
    to, cc = (_visible(mailboxes) for mailboxes in (group.to, group.cc))
    alone = to[0][1] if len(to) == 1 and not cc else ""
    return alone, as_json({"to": to, "cc": cc}), attributes, headers


def _visible(mailboxes: Iterable[Mailbox]) -> list[list[str]]:
    """Names and addresses as a header can have them: what is no address would break it."""
    seen: dict[str, str] = {}
    for mailbox in mailboxes:
        try:
            seen.setdefault(read(mailbox.address.strip()).wire, storable(mailbox.name))
        except NotAnAddress:
            continue
    return [[name, wire] for wire, name in seen.items()]


def storable(text: str) -> str:
    """Without what PostgreSQL cannot hold: NUL and half of a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()


def as_json(value: Any) -> str:
    """The same for a column of the type jsonb."""
    text = json.dumps(value, ensure_ascii=False)
    if "\\u0000" in text or not _is_storable(text):
        text = json.dumps(storable_parts(value), ensure_ascii=False)
    return text


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_parts(value: Any) -> Any:
    """The same for every text in a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): storable_parts(inner) for key, inner in value.items()}
    return [storable_parts(inner) for inner in value] if isinstance(value, list) else value

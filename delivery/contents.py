"""The messages that emails are made of, read many at a time and remembered for as long as they are sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from delivery.models import Attachment, Message

if TYPE_CHECKING:
    from collections.abc import Collection

REMEMBERED_BYTES = 32 * 1024 * 1024
# Of a message that is larger only the envelope is read with the others; its lane reads the rest when its turn comes.
LARGE = 512 * 1024

_messages: OrderedDict[int, tuple[Message, int]] = OrderedDict()
_lock = threading.Lock()
_size = 0


def of(message_ids: Collection[int]) -> dict[int, Message]:
    """These messages. What they hold never changes, but that it is forgotten one day.

    One that is not there at all is empty, so that its emails end and hold up no others.
    """
    with _lock:
        found = {i: _messages[i][0] for i in message_ids if i in _messages}
        for message_id in found:
            _messages.move_to_end(message_id)
    if missing := [i for i in message_ids if i not in found]:
        found |= _read(missing)
    return {i: found[i] if i in found else Message(id=i) for i in message_ids}


def _read(ids: list[int]) -> dict[int, Message]:
    messages = Message.objects.extra(
        select={"size": "coalesce(octet_length(raw), 0) + coalesce(octet_length(parts::text), 0)"}
    ).defer("raw", "parts", "groups")
    sizes = dict(messages.filter(id__in=ids).values_list("id", "size"))
    small = [i for i in ids if sizes.get(i, 0) <= LARGE]
    read = {m.id: m for m in Message.objects.filter(id__in=small).defer("groups")}
    read |= {m.id: m for m in Message.objects.filter(id__in=set(ids) - set(small)).defer("raw", "parts", "groups")}
    with_files = set(Attachment.objects.filter(message_id__in=ids).values_list("message_id", flat=True).distinct())
    # Evaluated once: of each of its own Django would make a query anew, only to find that it cannot have rows.
    none = Attachment.objects.none()
    len(none)
    for message in read.values():
        if message.id not in with_files:
            # So that nobody asks once more for each of them.
            message._prefetched_objects_cache = {"attachments": none}  # type: ignore[attr-defined]
        if message.id in small:
            _remember(message, sizes.get(message.id, 0))
    return read


def _remember(message: Message, size: int) -> None:
    global _size  # noqa: PLW0603
    with _lock:
        if message.id in _messages:
            return
        _messages[message.id] = message, size + 1000
        _size += size + 1000
        while _size > REMEMBERED_BYTES:
            _id, (_message, gone) = _messages.popitem(last=False)
            _size -= gone

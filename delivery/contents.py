"""The messages that emails are made of, read many at a time and remembered for as long as they are sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from django.db.models import Func, IntegerField, Sum

from delivery import hands
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
    small, room = set(), hands.room()
    for i in ids:
        if sizes.get(i, 0) <= min(LARGE, room):
            small.add(i)
            room -= sizes.get(i, 0)
    read = {m.id: m for m in Message.objects.filter(id__in=small).defer("groups")}
    read |= {m.id: m for m in Message.objects.filter(id__in=set(ids) - small).defer("raw", "parts", "groups")}
    files = _sizes_of_files(ids)
    # Evaluated once: of each of its own Django would make a query anew, only to find that it cannot have rows.
    none = Attachment.objects.none()
    len(none)
    for message in read.values():
        if message.id not in files:
            # So that nobody asks once more for each of them.
            message._prefetched_objects_cache = {"attachments": none}  # type: ignore[attr-defined]
        size, is_small = sizes.get(message.id, 0), message.id in small
        if not is_small or size + files.get(message.id, 0) > LARGE:
            hands.leave(message, size + files.get(message.id, 0), left_out=not is_small)
        if is_small:
            hands.take(message, size)
            _remember(message, size)
    return read


def _sizes_of_files(ids: list[int]) -> dict[int, int]:
    """The bytes of the files of those messages that have any: known without reading them."""
    size = Func("content", function="octet_length", output_field=IntegerField())
    rows = Attachment.objects.filter(message_id__in=ids).values("message_id").annotate(size=Sum(size))
    return dict(rows.values_list("message_id", "size"))


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

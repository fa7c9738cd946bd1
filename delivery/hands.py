"""How much of what is sent a process has in memory: it is bounded, however large the messages are.

Small messages are read many at a time, as long as there is room for them (`contents.py`); a large one, or one too many,
is read by its lane when its turn comes, and the lane waits for room.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from delivery.models import Message

# Of small ones together, and of those that lanes read themselves; composed and signed, each is there up to four times.
LIGHT_BYTES, HEAVY_BYTES = 64 * 1024 * 1024, 64 * 1024 * 1024
# A lane without room for so long gives its email back: what is before it goes somewhere slow.
PATIENCE_SECONDS = 10.0
CONTENT = ("raw", "parts")

# A message may be let go while the same thread holds the lock.
_lock = threading.RLock()
_some = threading.Condition(_lock)
_light = _heavy = 0


class Weight:
    """A message that is read by the lanes: its bytes, whether all of them were left out, and how many lanes have it."""

    def __init__(self, size: int, *, left_out: bool) -> None:
        self.size, self.left_out, self.lanes = size, left_out, 0


def room() -> int:
    """How many bytes of small messages may still be read."""
    return LIGHT_BYTES - _light


def take(message: Message, size: int) -> None:
    """Count a small message that was read, until nobody has it any more."""
    global _light  # noqa: PLW0603
    with _lock:
        _light += size
    weakref.finalize(message, _let_go, size).atexit = False


def _let_go(size: int) -> None:
    global _light  # noqa: PLW0603
    with _lock:
        _light -= size


def leave(message: Message, size: int, *, left_out: bool) -> None:
    """Have lanes wait for room before they read what is not read of this message yet."""
    message.weight = Weight(size, left_out=left_out)  # type: ignore[attr-defined]


@contextmanager
def holding(message: Message) -> Iterator[bool]:
    """Have this message in one's hands; False where there is no room for it, after a while."""
    weight: Weight | None = getattr(message, "weight", None)
    if weight is None:
        yield True
        return
    if not _grab(weight):
        yield False
        return
    try:
        yield True
    finally:
        _put_down(message, weight)


def _grab(weight: Weight) -> bool:
    global _heavy  # noqa: PLW0603
    with _some:
        # Whoever has it already shares it, and one that is larger than all the room has it alone.
        def is_room() -> bool:
            return bool(weight.lanes) or not _heavy or _heavy + weight.size <= HEAVY_BYTES

        if not _some.wait_for(is_room, PATIENCE_SECONDS):
            return False
        if not weight.lanes:
            _heavy += weight.size
        weight.lanes += 1
        return True


def _put_down(message: Message, weight: Weight) -> None:
    global _heavy  # noqa: PLW0603
    with _some:
        weight.lanes -= 1
        if weight.lanes:
            return
        if weight.left_out:
            # Others of its emails may wait here for long: whoever sends one reads it anew.
            for name in CONTENT:
                message.__dict__.pop(name, None)
        _heavy -= weight.size
        _some.notify_all()

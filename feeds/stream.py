"""A stream of server-sent events: what is new in a filter, as it comes. Nothing in here asks the database.

Events are `rows` (JSON: rows as HTML, and ids of emails that left the filter), `refresh` (too many: read the page
afresh) and `here` (nothing new). The id of each is the cursor to resume from.
"""

from __future__ import annotations

import random
from time import monotonic
from typing import TYPE_CHECKING

from asgiref.sync import SyncToAsync

from feeds.hub import hub
from feeds.viewers import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from feeds.live import Cursor
    from feeds.viewers import Watch

# Shorter than the silence after which proxies hang up, and short enough that not much is to be caught up with.
HERE_SECONDS = 5.0
# Then the page comes again, and whether its reader is still a member is looked at again.
LIFE_SECONDS = 600.0
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # nginx would keep events back to fill its buffer.
    "X-Accel-Buffering": "no",
}


async def events(watch: Watch, cursor: Cursor) -> AsyncGenerator[bytes]:
    """All that is new to this cursor, until the reader leaves or has to come again."""
    _let_thread_go()
    viewer = Viewer(watch, cursor)
    hub.join(viewer)
    try:
        # Those of a process that ended must not all come back in the same moment.
        yield f"retry: {random.randint(300, 1500)}\n\n".encode()  # noqa: S311
        end = monotonic() + LIFE_SECONDS * random.uniform(0.9, 1.0)  # noqa: S311
        while (left := end - monotonic()) > 0:
            await viewer.wait(min(left, HERE_SECONDS))
            yield viewer.take()
        yield b"retry: 50\n\n"
    finally:
        hub.leave(viewer)


def _let_thread_go() -> None:
    """Django's synchronous middleware has a thread for each request, which would wait for the stream to end."""
    request = SyncToAsync.thread_sensitive_context.get(None)
    if request is not None and (threads := SyncToAsync.context_to_thread_executor.pop(request, None)):
        threads.shutdown(wait=False)

"""While the database is away, who asks it waits for seconds: one request asks for all, and the others do without."""

from __future__ import annotations

import threading
import time

# After a failure nobody asks for this long, and then one at a time, who may take so long to find out.
SECONDS_OF_REST = 1.0
LONGEST_ANSWER = 5.0


class Outage:
    """What the threads of this process know of something that may be away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Until when nobody asks; None while all is well.
        self._rest_until: float | None = None

    def worth_asking(self) -> bool:
        """Whether to ask now. Whoever gets a yes asks, and tells what came of it."""
        with self._lock:
            now = time.monotonic()
            if self._rest_until is not None and now < self._rest_until:
                return False
            if self._rest_until is not None:
                self._rest_until = now + LONGEST_ANSWER
            return True

    def failed(self) -> None:
        """It did not answer."""
        with self._lock:
            self._rest_until = time.monotonic() + SECONDS_OF_REST

    def answered(self) -> None:
        """It is there."""
        self._rest_until = None


database = Outage()

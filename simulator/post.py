"""Posts requests until they are accepted, as providers do: several at once, later and later after each refusal."""

from __future__ import annotations

import heapq
import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult, urlsplit

from simulator.requests import Request

SENDERS = 6
SECONDS_TO_ANSWER = 15
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 4.0
# These will be answered the same way the next time: a source that is gone, switched off, or has another secret.
POINTLESS = frozenset({401, 403, 404, 405, 413, 415})
POINTLESS_TRIES = 3
TELL_EVERY = 10.0


def connect(url: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return kind(url.hostname or "", url.port, timeout=SECONDS_TO_ANSWER)


def answers(url: str) -> bool:
    """Whether Live Feeds is there."""
    parts = urlsplit(url)
    connection = connect(parts)
    try:
        connection.request("GET", f"{parts.path}/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Poster:
    """Sends what it is given from threads of its own, each over a connection it keeps.

    What was accepted is written to `journal`, a line of JSON for each request, once the answer is there. `say` gets
    a sentence when requests fail, at most every ten seconds.
    """

    def __init__(self, url: str, say: Callable[[str], None], journal: Path | None = None) -> None:
        self.url, self.say = urlsplit(url), say
        self.journal: TextIO | None = journal.open("a", encoding="utf-8") if journal else None
        self.counts: Counter[str] = Counter()
        self._due: list[tuple[float, int, Request]] = []
        self._under_way = 0
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        self._told_at = -TELL_EVERY
        self._threads = [threading.Thread(target=self._run, name=f"sender {n}", daemon=True) for n in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Requests that are not accepted yet."""
        with self._changed:
            return len(self._due) + self._under_way

    def put(self, request: Request, after: float = 0.0) -> None:
        """Send this, after so many seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + after, next(self._numbers), request))
            self._changed.notify()

    def end(self) -> None:
        """Send nothing more. Whoever is just sending is not waited for longer than a moment."""
        with self._changed:
            self._ended = True
            self._due.clear()
            self._changed.notify_all()
        deadline = time.monotonic() + 0.5
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        with self._changed:
            if self.journal:
                self.journal.close()
                self.journal = None

    def _take(self) -> Request | None:
        """The next request that is due, once it is; None at the end."""
        with self._changed:
            while not self._ended:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    self._under_way += 1
                    return heapq.heappop(self._due)[2]
                self._changed.wait(left)
        return None

    def _run(self) -> None:
        connection = connect(self.url)
        while (request := self._take()) is not None:
            status, trouble = self._send(connection, request)
            if 200 <= status < 300:
                self._accepted(request)
            else:
                connection.close()
                self._not_accepted(request, status, trouble)
            with self._changed:
                self._under_way -= 1
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, request: Request) -> tuple[int, str]:
        """The status of the answer and its first line; 0 and the reason where there is none."""
        path = f"{self.url.path}{request.target.path}"
        try:
            body, headers = request.signed(datetime.now(UTC), f"{self.url.geturl()}{request.target.path}")
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace").partition("\n")[0]
        except (OSError, http.client.HTTPException, ValueError, RuntimeError) as error:
            # The latter two are about a secret that cannot be signed with.
            return 0, str(error) or type(error).__name__

    def _accepted(self, request: Request) -> None:
        line = json.dumps({"source": request.target.source_id, "events": request.facts}) + "\n"
        with self._changed:
            self.counts["requests"] += 1
            self.counts["events"] += len(request.facts)
            if self.journal:
                self.journal.write(line)
                self.journal.flush()

    def _not_accepted(self, request: Request, status: int, trouble: str) -> None:
        """Try it again later, or give it up where that is pointless."""
        request.tries += 1
        with self._changed:
            ended, tell = self._ended, time.monotonic() - self._told_at >= TELL_EVERY
            if tell:
                self._told_at = time.monotonic()
        if ended:
            return
        if tell:
            self.say(f"{request.target.provider} was not accepted ({status or 'no answer'}: {trouble}).")
        if status in POINTLESS and request.tries >= POINTLESS_TRIES:
            with self._changed:
                self.counts["given up"] += 1
            return
        self.put(request, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (request.tries - 1)))

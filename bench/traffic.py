"""Webhooks as they come: signed requests at a steady rate, telling of many emails on their way at once.

A quarter of the emails goes to each of the large providers and to 200 companies, from 200 senders, with 40 tags. Each
is processed at once, delivered (or bounced) a second later, and opened and clicked some seconds after that.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from webhooks.signing import sign

if TYPE_CHECKING:
    from webhooks.models import Source

REQUESTS_PER_SECOND = 20
CONNECTIONS = 4
DOMAINS, COMPANIES = ("gmail.com", "outlook.com", "yahoo.com"), 200
SENDERS, TAGS, PEOPLE = 200, 40, 3000
ANSWER = "250 2.0.0 OK 1465276276 - gsmtp"
REFUSAL = "550 5.1.1 The email account that you tried to reach does not exist"


def recipient(n: int) -> str:
    """Whom the n-th email goes to."""
    where = DOMAINS[n % 4] if n % 4 < 3 else f"company{n // 4 % COMPANIES}.example"
    return f"person.{n % PEOPLE}@{where}"


def sender(n: int) -> str:
    return f"news{n * 7 % SENDERS}@acme.example"


def tag(n: int) -> str:
    return f"campaign-{n * 3 % TAGS}"


def steps(n: int) -> list[tuple[float, str]]:
    """What happens to the n-th email, and how many seconds after it appeared."""
    if n % 40 == 7:
        return [(0.0, "processed"), (1.0, "bounced")]
    found = [(0.0, "processed"), (1.0, "delivered")]
    if n % 10 < 3:
        found.append((2.0 + n % 7, "opened"))
    if n % 10 == 1:
        found.append((10.0 + n % 5, "clicked"))
    return found


def told(n: int, step: str, at: datetime) -> dict[str, object]:
    """The event as our own format has it."""
    event: dict[str, object] = {
        "id": f"live-{n}-{step}", "event": step, "message_id": f"live-{n}", "recipient": recipient(n),
        "sender": sender(n), "subject": f"Order {n}", "tags": [tag(n)], "at": at.isoformat(),
    }  # fmt: skip
    if step == "delivered":
        event["comment"] = ANSWER
    elif step == "bounced":
        event |= {"comment": REFUSAL, "bounce": "hard"}
    return event


def happenings(rate: int) -> Iterator[list[tuple[int, str]]]:
    """What each request tells of, so many events a second in all."""
    due: list[tuple[float, int, str]] = []
    numbers = itertools.count()
    size = rate // REQUESTS_PER_SECOND
    for tick in itertools.count():
        now = tick / REQUESTS_PER_SECOND
        batch: list[tuple[int, str]] = []
        while len(batch) < size:
            if due and due[0][0] <= now:
                _at, n, step = heappop(due)
                batch.append((n, step))
                continue
            n = next(numbers)
            for after, step in steps(n):
                heappush(due, (now + after, n, step))
        yield batch


class Traffic:
    """Posts while the block lasts. `accepted` says when which step of which email was answered with 200."""

    def __init__(self, port: int, source: Source, secrets: Mapping[str, str], rate: int) -> None:
        self.port, self.source, self.secrets, self.rate = port, source, secrets, rate
        self.accepted: dict[tuple[int, str], float] = {}
        self.late = 0.0
        self._ends = threading.Event()
        self._local = threading.local()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """After this all that was sent is accepted."""
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        begin = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for tick, batch in enumerate(happenings(self.rate)):
                wait = begin + tick / REQUESTS_PER_SECOND - time.monotonic()
                self.late = max(self.late, -wait)
                if self._ends.wait(max(0.0, wait)):
                    return
                pool.submit(self._post, batch)

    def _post(self, batch: list[tuple[int, str]]) -> None:
        now = datetime.now(UTC)
        body = json.dumps([told(n, step, now) for n, step in batch]).encode()
        body, headers = sign("plain", body, "application/json", self.secrets, now)
        while not self._accepts(body, headers):
            # As providers do; what was stored already is known by its ids.
            time.sleep(0.02)
        at = time.monotonic()
        for one in batch:
            self.accepted[one] = at

    def _accepts(self, body: bytes, headers: dict[str, str]) -> bool:
        connection = getattr(self._local, "connection", None) or http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=30
        )
        self._local.connection = connection
        try:
            connection.request("POST", f"/in/{self.source.token}", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._local.connection = None
            return False
        return bool(answer.status == http.client.OK)

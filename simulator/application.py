"""An application of the simulated world: it hands in mail over the API, so much a second."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from simulator.letters import request
from simulator.post import connect
from simulator.world import World

PATH = "/v5/mail/send"
TELL_EVERY = 30.0


class Application(threading.Thread):
    """Sends until it is ended. `say` gets a sentence when mail is refused, at most every half minute."""

    def __init__(self, url: str, key: str, rate: float, world: World, say: Callable[[str], None]) -> None:
        super().__init__(name="application", daemon=True)
        self.url, self.key, self.rate, self.world, self.say = urlsplit(url), key, rate, world, say
        self.counts: Counter[str] = Counter()
        self._stop_now = threading.Event()
        self._told_at = -TELL_EVERY

    def end(self) -> None:
        self._stop_now.set()
        self.join(2)

    def run(self) -> None:
        connection = connect(self.url)
        due = time.monotonic()
        while not self._stop_now.wait(max(0.0, due - time.monotonic())):
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            try:
                self._hand_in(connection)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._refused(str(error) or type(error).__name__)
        connection.close()

    def _hand_in(self, connection: http.client.HTTPConnection) -> None:
        body = json.dumps(request(self.world.email(datetime.now(UTC))))
        headers = {"api_key": self.key, "Content-Type": "application/json"}
        connection.request("POST", f"{self.url.path}{PATH}", body, headers)
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
        if response.status == http.HTTPStatus.ACCEPTED:
            self.counts["emails"] += 1
        else:
            self._refused(f"{response.status}: {answer[:200]}")

    def _refused(self, reason: str) -> None:
        if time.monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = time.monotonic()
            self.say(f"Mail was not accepted ({reason}).")

"""Doing what was planned with the mail that came: images are loaded, links followed, reports sent back."""

from __future__ import annotations

import heapq
import http.client
import itertools
import smtplib
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from simulator import reports
from simulator.post import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.readers import Act, Letter

READERS = 4
SECONDS_TO_ANSWER = 10
REPORTS = {"bounce": reports.bounce, "complain": reports.complaint, "away": reports.away}
ONE_CLICK = "List-Unsubscribe=One-Click"


class Doer:
    """Does acts when their time has come, from threads of its own.

    Only addresses below `public`, as mail names Live Feeds, are ever asked for, from the server at `url`: what a link
    leads to is the world outside. Reports go to the SMTP port at `smtp`, (host, port). What fails is not tried again:
    people do not either.
    """

    def __init__(self, url: str, public: str, smtp: tuple[str, int]) -> None:
        self.url, self.public, self.smtp = urlsplit(url), urlsplit(public), smtp
        self._due: list[tuple[float, int, Letter, Act]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        for n in range(READERS):
            threading.Thread(target=self._run, name=f"reader {n}", daemon=True).start()

    def plan(self, letter: Letter, acts: Sequence[Act]) -> None:
        """Do these with the letter, each after its seconds."""
        now = time.monotonic()
        with self._changed:
            for act in acts:
                heapq.heappush(self._due, (now + act.after, next(self._numbers), letter, act))
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._due.clear()
            self._changed.notify_all()

    def _run(self) -> None:
        while (found := self._take()) is not None:
            letter, act = found
            try:
                if act.what in REPORTS:
                    self._report(letter, act.what)
                else:
                    self._ask(act)
            except (OSError, http.client.HTTPException, smtplib.SMTPException):
                continue

    def _take(self) -> tuple[Letter, Act] | None:
        with self._changed:
            while not self._ended:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    _at, _number, letter, act = heapq.heappop(self._due)
                    return letter, act
                self._changed.wait(left)
        return None

    def _ask(self, act: Act) -> None:
        parts = urlsplit(act.url)
        if parts.netloc != self.public.netloc:
            return
        connection = connect(self.url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {"Host": parts.netloc, "User-Agent": act.agent, "X-Forwarded-For": act.ip}
        method = {"get": "GET", "head": "HEAD", "leave": "POST"}[act.what]
        body = ONE_CLICK if act.what == "leave" else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            connection.getresponse().read()
        finally:
            connection.close()

    def _report(self, letter: Letter, what: str) -> None:
        if not letter.envelope_from:
            return
        raw = REPORTS[what](letter, datetime.now(UTC))
        with smtplib.SMTP(*self.smtp, timeout=SECONDS_TO_ANSWER) as server:
            server.sendmail("", [letter.envelope_from], raw)

"""Somebody who watches a stream of the live feed, on a bare connection."""

from __future__ import annotations

import http.client
import json
import re
import time
from types import TracebackType
from typing import Any, NamedTuple


class Told(NamedTuple):
    """One event of a stream."""

    name: str
    data: Any
    cursor: str


class Stream:
    """A stream as a browser reads it: an event after the other, waiting for each."""

    def __init__(self, port: int, path: str, cookie: str, last: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Cookie": f"sessionid={cookie}", **({"Last-Event-ID": last} if last else {})}
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.cursor = last

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Both: the response keeps the socket open.
        self.response.close()
        self.connection.close()

    def read(self) -> Told:
        """The next event."""
        lines: dict[str, str] = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError("the stream ended")
            name, _colon, value = line.rstrip("\n").partition(": ")
            if line == "\n" and "event" in lines:
                break
            lines[name] = value
        self.cursor = lines["id"]
        return Told(lines["event"], json.loads(lines["data"] or "null"), lines["id"])

    def next(self, name: str = "rows") -> Told:
        """The next event of this name. Only `here` may come before it."""
        while (told := self.read()).name == "here":
            if name == "here":
                break
        assert told.name == name, told
        return told

    def shown(self, until: Any, seconds: float = 20) -> dict[str, str]:
        """What a page would show by id after it merged all events, as soon as `until` holds for it."""
        rows: dict[str, str] = {}
        deadline = time.monotonic() + seconds
        while not until(rows):
            assert time.monotonic() < deadline, rows
            told = self.read()
            assert told.name in ("rows", "here"), told
            for html in (told.data or {}).get("rows", ()):
                rows[id_of(html)] = html
            for email_id in (told.data or {}).get("gone", ()):
                rows.pop(email_id, None)
        return rows


def id_of(row: str) -> str:
    found = re.search(r'<tr id="e(\d+)"', row)
    assert found
    return found[1]

"""Many who watch the live feed, in a process of their own: `python -m bench.watchers`, driven by `bench.live`.

Each has a connection and reads it as a browser does. One that breaks is made again from the last event's id.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

ROW = re.compile(r'<tr id="e(\d+)" data-row="([^"]+)".*?standing is-(\w+)".*?Order (\d+)<', re.DOTALL)
STATUSES = ("processed", "sent", "delivered", "bounced", "opened", "clicked")


class Watcher:
    """One viewer: the rows on their page, and when each state of an email was first seen."""

    def __init__(self, number: int, port: int, path: str, cookie: str) -> None:
        self.number, self.port, self.path, self.cookie = number, port, path, cookie
        self.rows: dict[str, str] = {}
        self.seen: set[tuple[int, int]] = set()
        self.repeats = self.resumed = self.refreshed = 0
        self.last = ""
        self.retry = 1.0
        self.connected = asyncio.Event()

    async def watch(self, log: Log) -> None:
        """For ever."""
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                async for event in self._events():
                    self._take(event, log)
            self.resumed += 1
            await asyncio.sleep(self.retry)

    async def _events(self) -> AsyncIterator[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        try:
            last = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
            head = f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n{last}\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if answer.startswith(b"HTTP/1.1 5"):
                raise ConnectionError
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"{self.path} was refused: {answer.decode()}")
            text = ""
            while size := int(await reader.readline(), 16):
                text += (await reader.readexactly(size + 2))[:-2].decode()
                *events, text = text.split("\n\n")
                for event in events:
                    yield event
        finally:
            writer.close()

    def _take(self, event: str, log: Log) -> None:
        at = time.monotonic()
        fields = dict(line.partition(": ")[::2] for line in event.split("\n"))
        if "retry" in fields:
            self.retry = int(fields["retry"]) / 1000
            self.connected.set()
        self.last = fields.get("id", self.last)
        name = fields.get("event")
        if name == "refresh":
            self.refreshed += 1
        elif name == "rows":
            data = json.loads(fields["data"])
            for email_id in data["gone"]:
                self.rows.pop(email_id, None)
            for html in data["rows"]:
                self._row(html, at, log)

    def _row(self, html: str, at: float, log: Log) -> None:
        found = ROW.search(html)
        if found is None:
            raise SystemExit(f"This is no row: {html}")
        email_id, version, status, n = found.groups()
        self.repeats += self.rows.get(email_id) == version
        self.rows[email_id] = version
        state = int(n), STATUSES.index(status)
        if state not in self.seen:
            self.seen.add(state)
            log.add(self.number, *state, at)


class Log:
    """Who saw which state of which email when, in little memory."""

    def __init__(self) -> None:
        self.columns: tuple[array[Any], ...] = (array("i"), array("i"), array("b"), array("d"))

    def add(self, watcher: int, n: int, status: int, at: float) -> None:
        for column, value in zip(self.columns, (watcher, n, status, at), strict=True):
            column.append(value)

    def save(self, folder: Path) -> None:
        for place, column in enumerate(self.columns):
            (folder / f"seen-{place}").write_bytes(column.tobytes())


def load(folder: Path) -> list[tuple[int, int, int, float]]:
    """What `Log.save` left."""
    columns = Log().columns
    for place, column in enumerate(columns):
        column.frombytes((folder / f"seen-{place}").read_bytes())
    return list(zip(*columns, strict=True))


async def main(asked: dict[str, Any]) -> None:
    """Watch until a line comes in; then tell what was seen."""
    log, folder = Log(), Path(asked["folder"])
    watchers = [Watcher(i, asked["port"], path, asked["cookie"]) for i, path in enumerate(asked["paths"])]
    tasks = []
    for watcher in watchers:
        tasks.append(asyncio.create_task(watcher.watch(log)))
        # Each in turn, so that connecting is no storm of its own.
        await asyncio.wait_for(watcher.connected.wait(), 60)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    log.save(folder)
    told = [{"rows": w.rows, "repeats": w.repeats, "resumed": w.resumed, "refreshed": w.refreshed} for w in watchers]
    (folder / "watchers.json").write_text(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.stdin.readline())))

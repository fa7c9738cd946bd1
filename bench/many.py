"""Small requests over many connections at once, from one thread: as fast as they are answered, or at a given rate.

At a given rate a request counts from the moment it was due, so that who waits behind a slow one is not forgotten.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle

from bench.load import Round

ACCEPTED = (b"HTTP/1.1 200", b"HTTP/1.1 302")
SECONDS_TO_END = 10.0


class _Line:
    """A connection: what it waits for, since when, and what of it has come."""

    __slots__ = ("due", "got", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self.got = b""

    def ask(self, request: bytes, due: float) -> None:
        self.due, self.got = due, b""
        self.socket.sendall(request)

    def is_whole(self) -> bool:
        """Take in what came; whether the answer is complete."""
        more = self.socket.recv(65536)
        if not more:
            raise SystemExit("The web server hung up.")
        self.got += more
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end:
            return False
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return len(body) >= int(length or b"0")


def drive(port: int, requests: Sequence[bytes], *, connections: int, seconds: float, per_second: float = 0) -> Round:
    """Send these requests in turn for so long; with `per_second` so many, evenly."""
    found, endless = Round(), cycle(requests)
    lines = [_Line(port) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
        begin = time.perf_counter()
        _run(selector, lines, endless, found, begin, seconds, per_second)
        found.seconds = time.perf_counter() - begin
    for line in lines:
        line.socket.close()
    if found.refused or not found.took:
        raise SystemExit(f"The server did not accept a request: {found.refused[:1]}")
    return found


def _run(
    selector: selectors.BaseSelector,
    lines: Sequence[_Line],
    requests: Iterator[bytes],
    found: Round,
    begin: float,
    seconds: float,
    per_second: float,
) -> None:
    free, asked, now = deque(lines), 0, begin
    end, last = begin + seconds, begin + seconds + SECONDS_TO_END
    while now < end or len(free) < len(lines):
        while free and now < end:
            due = begin + asked / per_second if per_second else now
            if due > now:
                break
            free.popleft().ask(next(requests), due)
            asked += 1
        wait = max(0.0, begin + asked / per_second - now) if per_second and free and now < end else 0.1
        for key, _events in selector.select(wait):
            line: _Line = key.data
            if line.is_whole():
                found.took.append(time.perf_counter() - line.due)
                if not line.got.startswith(ACCEPTED):
                    found.refused.append(line.got.partition(b"\r\n")[0].decode(errors="replace"))
                free.append(line)
        now = time.perf_counter()
        if now > last:
            raise SystemExit("The web server stopped answering.")

"""Requests over a few connections that stay open, one after the other on each, and how long each took.

Written on bare sockets, because the client works on the processors that it measures.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SECONDS_PER_ANSWER = 60


@dataclass(slots=True)
class Round:
    """What a round of load found: the seconds each accepted request took, and how long all of it lasted."""

    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.took) / self.seconds


def post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A whole request as it goes over the wire."""
    lines = {"Host": "localhost", **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def drive(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Round:
    """Send these requests in turn, again from the first when they end, over so many connections for so long."""
    found, endless = Round(), itertools.cycle(requests)
    start = threading.Barrier(connections + 1)
    crew = [threading.Thread(target=_one, args=(port, endless, seconds, start, found)) for _ in range(connections)]
    for thread in crew:
        thread.start()
    start.wait()
    begin = time.perf_counter()
    for thread in crew:
        thread.join()
    found.seconds = time.perf_counter() - begin
    return found


def _one(port: int, requests: Iterator[bytes], seconds: float, start: threading.Barrier, found: Round) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS_PER_ANSWER) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start.wait()
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            connection.sendall(next(requests))
            answer = _answer(connection)
            if answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 202 ")):
                found.took.append(time.perf_counter() - begin)
            else:
                found.refused.append(answer.partition(b"\r\n\r\n")[0].decode(errors="replace"))
                return


def _answer(connection: socket.socket) -> bytes:
    """The whole answer. Raises ConnectionError where the server hangs up before its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _end, body = data.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    missing = int(lines[b"content-length"]) - len(body)
    while missing > 0:
        more = _more(connection)
        data += more
        missing -= len(more)
    return data


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("The web server hung up in the middle of an answer.")
    return data

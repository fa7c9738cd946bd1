"""A mail server that takes everything and looks at nothing: Postfix's smtp-sink, or else one of our own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.servers import free_port

POSTFIX_PLACES = "/usr/sbin:/usr/libexec/postfix:/usr/lib/postfix/sbin:/usr/local/sbin"
COUNTED = re.compile(rb"mesg=(\d+)")


def tool(name: str) -> str | None:
    """Where a tool of Postfix is installed; None where it is not."""
    return shutil.which(name) or shutil.which(name, path=POSTFIX_PLACES)


@dataclass
class Sink:
    """One that runs. `taken` is how many messages it has accepted."""

    name: str
    port: int
    taken: int = 0

    def wait_for(self, taken: int, seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while self.taken < taken:
            if time.monotonic() > deadline:
                raise SystemExit(f"The sink has {self.taken} messages and not {taken} after {seconds:g} seconds.")
            time.sleep(0.005)


@contextmanager
def running() -> Iterator[Sink]:
    """A sink in a process of its own."""
    port = free_port()
    theirs = tool("smtp-sink")
    argv = [sys.executable, "-m", __name__, str(port)]
    if theirs:
        # It does not want to be root.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        argv = [theirs, *user, "-c", "-m", "500", f"127.0.0.1:{port}", "1000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        sink = Sink("smtp-sink" if theirs else "our own sink", port)
        threading.Thread(target=_count, args=(process, sink), daemon=True).start()
        try:
            _wait(port)
            yield sink
        finally:
            process.send_signal(signal.SIGTERM)


def _count(process: subprocess.Popen[bytes], sink: Sink) -> None:
    assert process.stdout is not None
    rest = b""
    # It tells of each message. Read some at a time, that takes nothing away from those who send. A pipe that was closed
    # meanwhile has nothing more to tell.
    with suppress(ValueError):
        while data := process.stdout.read1(65536):  # type: ignore[attr-defined]
            rest = (rest + data)[-200:]
            if found := COUNTED.findall(rest):
                sink.taken = max(sink.taken, int(found[-1]))
            time.sleep(0.01)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit("The sink did not start.")


# ---- Our own ----------------------------------------------------------------------------------------------


class _Taker(asyncio.Protocol):
    """Answers each command by its first letter, and a message by its end."""

    taken = 0

    def __init__(self) -> None:
        self.rest, self.in_data = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while True:
            if self.in_data:
                end = self.rest.find(b"\r\n.\r\n")
                if end < 0:
                    return
                self.rest, self.in_data = self.rest[end + 5 :], False
                _Taker.taken += 1
                self.transport.write(b"250 2.0.0 Ok\r\n")
            line, found, rest = self.rest.partition(b"\r\n")
            if not found:
                return
            self.rest = rest
            self.answer(line[:4].upper())

    def answer(self, command: bytes) -> None:
        if command == b"DATA":
            self.in_data = True
            self.transport.write(b"354 Go on\r\n")
        elif command == b"EHLO":
            self.transport.write(b"250-sink\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n")
        elif command == b"QUIT":
            self.transport.write(b"221 Bye\r\n")
            self.transport.close()
        else:
            self.transport.write(b"250 2.1.0 Ok\r\n")


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Taker, "127.0.0.1", port, backlog=1000)
    async with server:
        while True:
            await asyncio.sleep(0.01)
            print(f"mesg={_Taker.taken}", end="\r", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1])))

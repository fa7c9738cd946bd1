"""Watches the parts: passes on their lines, starts again what ends, and stops all of it within ten seconds.

One thread and one loop: between fork and exec of a child no other thread may hold a lock, and the kernel ends the
children together with the thread that started them.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from settings import processes
from settings.processes import Command
from settings.runner.part import Part
from settings.runner.refusal import Refusal

# Together with the pauses between them below ten seconds. A web server with open streams takes two of them, a
# worker that hands back its tasks three.
SECONDS_FOR_FRONT = 5.5
SECONDS_FOR_DEEP = 3.0
NAME_WIDTH = 11


def say(text: str) -> None:
    """A line for the person at the terminal, who may be gone: stopping must go on without them."""
    with suppress(OSError, ValueError):
        print(text, flush=True)


class Supervisor:
    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.selector = selectors.DefaultSelector()

    def start(self, name: str, command: Command, *, deep: bool = False) -> subprocess.Popen[bytes]:
        """Start a part and watch it from now on; `deep` ones are stopped after all others."""
        part = Part(name, command, deep=deep)
        self.parts.append(part)
        return self._start(part)

    def _start(self, part: Part) -> subprocess.Popen[bytes]:
        process = part.start()
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self.selector.register(process.stdout, selectors.EVENT_READ, part)
        return process

    def watch(self, until: Callable[[], bool], *, every: float) -> None:
        """Keep everything running until `until`, which is asked every so many seconds, says so.

        Raises Refusal when a part ends again and again.
        """
        while not until():
            self._pass_on(every)
            for part in self.parts:
                self._look_after(part)

    def _pass_on(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _events in self.selector.select(left):
                self._read(key)
        if not self.selector.get_map():
            time.sleep(max(0, deadline - time.monotonic()))

    def _read(self, key: selectors.SelectorKey) -> None:
        part: Part = key.data
        try:
            data = os.read(key.fd, 65536)
        except BlockingIOError:
            return
        if not data:
            self.selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
        for line in part.lines(data):
            if wanted(part.name, line):
                say(f"{part.name:<{NAME_WIDTH}}| {line}")

    def _look_after(self, part: Part) -> None:
        if part.process is None:
            if time.monotonic() >= part.due:
                self._start(part)
        elif part.process.poll() is not None:
            how = part.ended()
            if part.hopeless:
                raise Refusal(f"{part.name} ended {len(part.ends)} times in a minute ({how}): see its lines above.")
            say(f"{part.name:<{NAME_WIDTH}}| ended ({how}) and is started again.")

    def stop(self) -> None:
        """End every part, those that the others need last; whatever does not go is killed."""
        front = [part for part in self.parts if not part.deep]
        deep = [part for part in self.parts if part.deep]
        self._end(front, SECONDS_FOR_FRONT)
        self._end(deep, SECONDS_FOR_DEEP)

    def _end(self, parts: Iterable[Part], seconds: float) -> None:
        for part in parts:
            part.signal(part.command.stop)
        deadline = time.monotonic() + seconds
        while any(part.running for part in parts) and time.monotonic() < deadline:
            self._pass_on(0.02)
        for part in parts:
            if part.process is None:
                continue
            if part.running:
                say(f"{part.name:<{NAME_WIDTH}}| did not stop and is killed.")
            # Also when the leader is gone: nothing of its group stays.
            processes.signal_group(part.process, signal.SIGKILL)
            part.process.wait()

    def kill(self) -> None:
        """End everything at once, without asking."""
        for part in self.parts:
            if part.process is not None:
                processes.signal_group(part.process, signal.SIGKILL)


# PostgreSQL tells its every step at the level LOG, and the others say good-bye and what we asked of them.
NOISE = {
    "postgres": (" LOG:  ", " HINT:  ", "system is starting up", "system is shutting down"),
    "valkey": ("Memory overcommit", "scheduling shutdown", "ready to exit"),
    "ingest": ("worker: Hitting Ctrl+C", "worker: Cold shutdown"),
    "send": ("worker: Hitting Ctrl+C", "worker: Cold shutdown"),
    "maintenance": ("worker: Hitting Ctrl+C", "worker: Cold shutdown"),
}


def wanted(name: str, line: str) -> bool:
    """Whether a line is for people."""
    return bool(line) and not any(words in line for words in NOISE.get(name, ()))


def end_on_signals(supervisor: Supervisor) -> None:
    """Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt; the second one kills at once."""
    asked = False

    def asked_to_end(number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            supervisor.kill()
            os._exit(128 + number)
        asked = True
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked_to_end)
    # A part whose pipe closed must not end us by our own output.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]

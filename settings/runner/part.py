from __future__ import annotations

import signal
import subprocess
import time
from collections import deque

from settings import processes
from settings.processes import Command

# This many ends within this many seconds, and starting it once more would not help.
MOST_ENDS = 6
WITHIN_SECONDS = 60.0
LONGEST_PAUSE = 8.0


class Part:
    """One process of the whole: it is started again when it ends, later each time."""

    def __init__(self, name: str, command: Command, *, deep: bool = False) -> None:
        self.name = name
        self.command = command
        # Whether the others need it: such a part is stopped after them.
        self.deep = deep
        self.process: subprocess.Popen[bytes] | None = None
        self.rest = b""
        self.ends: deque[float] = deque(maxlen=MOST_ENDS)
        self.due = 0.0

    def start(self) -> subprocess.Popen[bytes]:
        self.process = processes.start(self.command)
        return self.process

    def lines(self, data: bytes) -> list[str]:
        """The whole lines that `data` completes; what is left waits for its end."""
        *whole, self.rest = (self.rest + data).split(b"\n")
        return [line.decode(errors="replace").rstrip() for line in whole]

    def ended(self) -> str:
        """Note the end of its process: clear away what it left and plan the next start. Gives how it ended."""
        assert self.process is not None
        processes.signal_group(self.process, signal.SIGKILL)
        code = self.process.returncode
        self.process = None
        now = time.monotonic()
        while self.ends and now - self.ends[0] > WITHIN_SECONDS:
            self.ends.popleft()
        self.ends.append(now)
        self.due = now + min(LONGEST_PAUSE, 0.25 * 2 ** len(self.ends))
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    @property
    def hopeless(self) -> bool:
        return len(self.ends) == MOST_ENDS

    def signal(self, number: signal.Signals) -> None:
        """To its leader alone, which ends its own children in order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

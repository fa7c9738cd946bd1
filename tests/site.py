"""The real thing for tests: `manage.py up` in a folder of its own, with its own PostgreSQL and Valkey."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
# What the tests' own process has set for itself.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "LIVEFEEDS_PROCESS", "LIVEFEEDS_HOME", "LIVEFEEDS_TESTS_BROKER")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Ask again and again; AssertionError naming `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} seconds")
        time.sleep(0.05)


class Site:
    """One run of `manage.py up` on `home`. Its lines go to a file of their own."""

    def __init__(self, home: Path, *arguments: str, **environ: str) -> None:
        self.home = home
        self.port = int(environ.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        descriptor, log = tempfile.mkstemp(prefix="livefeeds-up-", suffix=".log")
        self.log = Path(log)
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        ours = {
            "LIVEFEEDS_HOME": str(home),
            "PORT": str(self.port),
            "SMTP_PORT": str(free_port()),
            "WEB_WORKERS": "1",
            "WORKERS": "1",
        }
        with os.fdopen(descriptor, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *arguments],
                cwd=ROOT,
                env={**inherited, **ours, **environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.known: list[psutil.Process] = []

    @property
    def lines(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_ready(self, seconds: float = 120) -> None:
        wait_until(lambda: "is ready:" in self.lines or self.process.poll() is not None, seconds, "ready")
        assert self.process.poll() is None, self.lines
        self.family()

    def family(self) -> list[psutil.Process]:
        """Every process it has started so far and that still runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                if process not in self.known:
                    self.known.append(process)
        return [process for process in self.known if alive(process)]

    def find(self, words: str) -> psutil.Process | None:
        """The process of a part, by words of its command line: "granian", "beat", "--queues ingest" and so on."""
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                if words in " ".join(process.cmdline()) and alive(process):
                    return process
        return None

    def part(self, words: str) -> psutil.Process:
        """As `find`, of a part that must be there."""
        process = self.find(words)
        assert process, f"no part with {words} runs:\n{self.lines}"
        return process

    def status(self, path: str) -> int:
        """The status of a GET; 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def sign_in(self) -> tuple[str, str]:
        """The administrator's name and password, as printed at the very first start."""
        match = re.search(r"Sign in as +(\S+)\s+with password +(\S+)", self.lines)
        assert match, self.lines
        return match[1], match[2]

    def end(self, number: signal.Signals = signal.SIGINT, seconds: float = 10) -> int:
        """Send the signal and wait; its exit code."""
        self.family()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=seconds)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def running(home: Path, *arguments: str, **environ: str) -> Iterator[Site]:
    """A site that is ready, and gone after the block whatever happened in it."""
    site = Site(home, *arguments, **environ)
    try:
        site.wait_until_ready()
        yield site
    finally:
        site.family()
        with contextlib.suppress(subprocess.TimeoutExpired):
            site.end(seconds=15)
        for process in site.family():
            process.kill()
        if site.process.poll() is None:
            site.process.kill()
            site.process.wait()

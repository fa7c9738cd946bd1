"""The real thing, all of its processes, on a PostgreSQL that a test may take away."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import psutil
import psycopg

from settings import embedded, processes
from tests import simulated
from tests.site import free_port

ROOT = Path(__file__).resolve().parents[2]
# What the tests themselves run on must not reach what they start.
OURS = ("DATABASE_URL", "REDIS_URL", "LIVEFEEDS_PROCESS", "LIVEFEEDS_TESTS_BROKER", "DJANGO_SETTINGS_MODULE")


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until the answer is yes; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"after {seconds:g} seconds still not: {what}"
        threading.Event().wait(0.05)


class Site:
    """`manage.py up` below a folder of its own, with a PostgreSQL of ours, which it takes for a foreign one."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = embedded.database_url(home)
        self.port, self.smtp_port = free_port(), free_port()
        self.environ = {name: value for name, value in os.environ.items() if name not in OURS} | {
            "LIVEFEEDS_HOME": str(home),
            "DATABASE_URL": self.url,
            "PORT": str(self.port),
            "SMTP_PORT": str(self.smtp_port),
            "LOG_LEVEL": "WARNING",
        }
        self.log = home / "log"
        self.postgres: subprocess.Popen[bytes] | None = None

    # ---- The database ---------------------------------------------------------------------------------------

    def start_postgres(self) -> None:
        embedded.clear_postmaster(self.home)
        self.postgres = processes.start(embedded.postgres(self.home), output=subprocess.DEVNULL)
        embedded.wait_for_postgres(self.home, self.postgres)

    def stop_postgres(self, how: signal.Signals = signal.SIGINT) -> None:
        """By default without waiting for connections; SIGQUIT is an immediate stop, which loses all memory."""
        assert self.postgres is not None
        self.postgres.send_signal(how)
        self.postgres.wait(timeout=30)

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url) as connection:
            yield connection

    def count(self, sql: str) -> int:
        with self.connected() as connection:
            row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return int(row[0])

    # ---- Its processes --------------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.log.open("wb") as log:
            runner = self.command("up", output=log)
            self.runner = psutil.Process(runner.pid)
            try:
                wait_until(lambda: self.ready() or runner.poll() is not None, 90, "the site is ready")
                assert runner.poll() is None, self.log.read_text()
                yield
            finally:
                runner.terminate()
                runner.wait(timeout=20)

    def command(self, *words: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environ,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def processes(self, *words: str) -> list[psutil.Process]:
        """Those of its processes that have all of these words in their command line, parents first."""
        found = []
        for process in self.runner.children(recursive=True):
            try:
                if set(words) <= set(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    @property
    def spooled(self) -> int:
        return len(list((self.home / "spool").glob("*.json")))


@contextmanager
def running_site(**environ: str) -> Iterator[Site]:
    """A site of its own that runs, with these settings beside its own. Not below pytest's own folder, whose path is
    too long for a socket."""
    home = Path(tempfile.mkdtemp(prefix="livefeeds-site-"))
    embedded.open_folders(home)
    embedded.make_cluster(home)
    site = Site(home)
    site.environ |= environ
    site.start_postgres()
    try:
        with site.running():
            yield site
    finally:
        site.stop_postgres()
        shutil.rmtree(home, ignore_errors=True)


class Person:
    """Somebody who is signed in."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies = CookieJar()
        self.open = build_opener(HTTPCookieProcessor(self.cookies)).open
        signs = re.search(r"Sign in as +(\S+)\s+with password +(\S+)", site.log.read_text())
        assert signs
        self.post("/sign-in/login/", login=signs[1], password=signs[2])

    def get(self, path: str, **headers: str) -> bytes:
        found: bytes = self.open(
            Request(f"http://127.0.0.1:{self.site.port}{path}", headers=headers), timeout=30
        ).read()
        return found

    def post(self, path: str, **fields: str) -> None:
        token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))
        assert token
        sent = urlencode(fields | {"csrfmiddlewaretoken": token[1].decode()}).encode()
        self.open(f"http://127.0.0.1:{self.site.port}{path}", sent, timeout=30).read()

    @property
    def session(self) -> str:
        (found,) = (cookie.value for cookie in self.cookies if cookie.name == "sessionid")
        assert found
        return found


class Simulation:
    """The simulator at work on a site, with what it was promised."""

    def __init__(self, site: Site, rate: int) -> None:
        self.site = site
        self.journal = site.home / f"journal-{time.monotonic_ns()}"
        self.journal.touch()
        self.said = self.journal.with_suffix(".said")
        words = ["--rate", str(rate), "--emails", "0", "--journal", str(self.journal)]
        with self.said.open("wb") as output:
            self.process = site.command("simulate", *words, output=output)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *error: object) -> None:
        """Where a test failed, nothing of it goes on."""
        self.process.kill()
        self.process.wait()

    @property
    def accepted(self) -> int:
        """How many requests."""
        return self.journal.read_bytes().count(b"\n")

    def goes_on(self, requests: int, seconds: float = 30) -> None:
        """Wait until so many more requests were accepted."""
        goal = self.accepted + requests
        wait_until(lambda: self.accepted >= goal or self.process.poll() is not None, seconds, "requests are accepted")
        assert self.accepted >= goal, self.said.read_text()

    def ends(self) -> None:
        """Have it end, and wait until the site has nothing left to do."""
        site = self.site
        self.process.terminate()
        assert self.process.wait(timeout=10) == 0, self.said.read_text()
        wait_until(lambda: not site.spooled, 40, "the spool is read in")
        due = "select count(*) from feeds_inbox_due where failed_at is null"
        wait_until(lambda: not site.count(due), 20, "the inbox is read")
        assert site.count("select count(*) from feeds_inbox_due") == 0

    def check(self) -> None:
        """That every accepted event is in the feed, once."""
        told = simulated.accepted(self.journal)
        with self.site.connected() as connection, connection.cursor() as cursor:
            stored = simulated.stored(cursor)
        assert told, self.said.read_text()
        assert not told - stored.keys()
        assert set(stored.values()) == {1}

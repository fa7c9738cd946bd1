"""The parts started one by one, as containers do."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from settings import embedded, processes
from settings.processes import Command
from tests.site import NOT_INHERITED, ROOT, free_port, wait_until

pytestmark = pytest.mark.processes
PARTS = ("web", "ingest", "send", "maintenance", "scheduler", "smtp")


class Containers:
    """Commands of the project with one environment, beside a database and a broker."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        ports = {"PORT": str(self.port), "SMTP_PORT": str(free_port())}
        ours = {"LIVEFEEDS_HOME": str(home), "WEB_WORKERS": "1", "WORKERS": "1", **ports}
        # A name of the site that health checks, which come from inside, do not use.
        self.environ = {**inherited, **ours, "ALLOWED_HOSTS": "feeds.example.com"}
        self.stack = ExitStack()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, *arguments]
        return subprocess.run(argv, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=60, check=False)

    def start(self, part: str) -> None:
        command = Command([sys.executable, ROOT / "manage.py", "serve", part], self.environ)
        process = processes.start(command, output=subprocess.DEVNULL)
        self.stack.callback(process.wait, timeout=15)
        self.stack.callback(process.terminate)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


@pytest.fixture
def containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Containers]:
    for name in NOT_INHERITED:
        monkeypatch.delenv(name, raising=False)
    with embedded.running(tmp_path / "home"):
        containers = Containers(tmp_path / "home")
        with containers.stack:
            yield containers


def test_the_parts_make_a_site_that_is_ready(containers: Containers) -> None:
    assert containers.run("-m", "settings.presence", "worker").returncode == 1
    first = containers.run("manage.py", "prepare")
    assert "Sign in as" in first.stdout, first.stderr
    assert "Sign in as" not in containers.run("manage.py", "prepare").stdout
    for part in PARTS:
        containers.start(part)
    wait_until(containers.ready, 60, "ready")
    assert containers.run("-m", "settings.presence", "worker").returncode == 0
    assert containers.run("-m", "settings.presence", "beat").returncode == 0


def test_a_database_that_is_away_is_told_in_a_sentence(containers: Containers) -> None:
    containers.environ["DATABASE_URL"] = "postgresql://me:secret@127.0.0.1:1/feeds"
    done = containers.run("manage.py", "prepare")
    assert done.returncode == 1
    assert "No PostgreSQL answers at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr

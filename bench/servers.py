"""What a measurement runs on: PostgreSQL, Valkey and the web server, started as `manage.py up` starts them."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from settings import embedded, processes

BASE_DIR = Path(__file__).resolve().parent.parent
SECONDS_TO_ANSWER = 60
# What would lead a measurement to somebody's real database, broker or secrets.
FROM_OUTSIDE = ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE", "LIVEFEEDS_URL", "DEBUG")


@contextmanager
def new_home(parent: Path | None = None, name: str = "") -> Iterator[Path]:
    """An empty folder on disk that is removed afterwards: below `parent`, or else in `var/`."""
    home = (parent or BASE_DIR / "var").absolute() / f"bench-{os.getpid()}{name and '-'}{name}"
    home.mkdir(parents=True)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def database(home: Path) -> Iterator[None]:
    """PostgreSQL and Valkey below `home`, durable and tuned as the product's own, with Django set up and migrated."""
    for name in FROM_OUTSIDE:
        os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "settings.base",
        "LIVEFEEDS_HOME": str(home),
        "LIVEFEEDS_PROCESS": "command",
        "PORT": str(free_port()),
        "LOG_LEVEL": "WARNING",
    }
    with running(home):
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        try:
            call_command("migrate", interactive=False, verbosity=0)
            yield
        finally:
            connections.close_all()


@contextmanager
def running(home: Path) -> Iterator[None]:
    """The servers below `home`: those that run there already, or else started for this alone."""
    if embedded.answers(embedded.socket_folder(home) / ".s.PGSQL.5432"):
        yield
        return
    with embedded.running(home, durable=True):
        yield


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def web(environ: Mapping[str, str] | None = None, application: str = "") -> Iterator[tuple[int, int]]:
    """The web server by the product's own command, changed by `environ` and `application` alone; gives its process id
    and port.

    It tells of each request, as it does where nothing is set; that goes into a file.
    """
    from django.conf import settings

    from settings.runner import commands

    command = commands.web()
    port = free_port()
    argv = [str(word) for word in command.argv]
    argv[argv.index("--port") + 1] = str(port)
    if application:
        argv[argv.index("granian") + 1] = application
    changed = replace(command, argv=argv, environ={**command.environ, "LOG_LEVEL": "INFO", **(environ or {})})
    told = settings.LIVEFEEDS_HOME / f"web-{port}.log"
    with told.open("wb") as file:
        process = processes.start(changed, output=file.fileno())
    try:
        _wait(process, port, told)
        yield process.pid, port
    finally:
        process.send_signal(command.stop)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            processes.signal_group(process, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, told: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while process.poll() is None and time.monotonic() < deadline:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            client.request("GET", "/healthz")
            if client.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            client.close()
    raise SystemExit(f"The web server did not start. Its last words:\n{told.read_text()[-2000:]}")


def wait_for_port(process: subprocess.Popen[bytes], port: int, told: Path) -> None:
    """Until something listens there; `told` is what it says meanwhile."""
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"Nothing listens on port {port}. Its last words:\n{told.read_text()[-2000:]}")

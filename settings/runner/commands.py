"""How each part is started."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from django.conf import settings

from settings.processes import Command


def web() -> Command:
    argv = [
        *(sys.executable, "-m", "granian", "settings.asgi:application"),
        *("--interface", "asginl", "--http", "1", "--no-ws", "--loop", "asyncio"),
        *("--host", settings.HOST, "--port", str(settings.PORT)),
        *("--workers", str(settings.WEB_WORKERS), "--respawn-failed-workers", "--respawn-interval", "0.2"),
        # Live pages keep their connections open: of one process that ended, the other one takes all.
        *("--backpressure", "4000"),
        # And without a bound no server would stop.
        *("--workers-kill-timeout", "2", "--log-level", "warning"),
    ]
    # glibc gives each thread memory of its own to work with and never takes it back: of 100 MB these were 6.
    environ = {"LIVEFEEDS_PROCESS": "web", "MALLOC_ARENA_MAX": "2"}
    # Killed, it would leave its own processes behind; asked, it takes them along.
    return Command(argv, environ, orphaned=signal.SIGTERM)


def worker(queue: str, processes: int) -> Command:
    argv = [
        *(sys.executable, "-W", "ignore:You're running the worker with superuser privileges"),
        *("-m", "celery", "--quiet", "--app", "settings", "worker", "--queues", queue),
        *("--hostname", f"{queue}@%h", "--concurrency", str(processes), "--loglevel", settings.LOG_LEVEL),
        # They would only talk to the workers of the same broker, which have nothing to tell each other.
        *("--without-gossip", "--without-mingle"),
    ]
    # A worker told to end gives its tasks a few seconds and hands the rest back to the queue.
    return Command(argv, {"LIVEFEEDS_PROCESS": "worker", "REMAP_SIGTERM": "SIGQUIT"})


def smtp() -> Command:
    return Command([sys.executable, "manage.py", "smtp"], {"LIVEFEEDS_PROCESS": "smtp"})


def scheduler() -> Command:
    argv = [sys.executable, "-m", "celery", "--quiet", "--app", "settings", "beat", "--pidfile="]
    return Command([*argv, "--loglevel", settings.LOG_LEVEL], {"LIVEFEEDS_PROCESS": "beat"})


def simulated_servers() -> int:
    """The port at which mail is taken while the simulated world runs."""
    return (settings.SMTP_PORT or 2525) + 1


def simulator(rate: str) -> Command:
    """The simulated world, which posts to this very server, hands mail in and takes it."""
    host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::") else settings.HOST  # noqa: S104
    argv = [
        *(sys.executable, "manage.py", "simulate", "--rate", rate, "--url", f"http://{host}:{settings.PORT}"),
        *("--mail", "--servers", str(simulated_servers())),
    ]
    return Command(argv, {"LIVEFEEDS_PROCESS": "command"})


def closed_world() -> dict[str, str]:
    """What all parts are told while the simulated world runs: no mail leaves this machine, to whomever it is.

    So there is nobody to forge, and no DNS in which a domain could prove whose it is.
    """
    routes = f"*=127.0.0.1:{simulated_servers()}"
    return {"MX_ROUTES": routes, "RESERVED_DOMAINS": "example", "TRUST_SENDER_DOMAINS": "yes"}


# What each part is called where it is started by itself.
ALONE: dict[str, Callable[[], Command]] = {
    "web": web,
    "ingest": lambda: worker("ingest", settings.WORKERS),
    "send": lambda: worker("send", settings.SENDERS),
    "maintenance": lambda: worker("maintenance", 1),
    "scheduler": scheduler,
    "smtp": smtp,
}

"""The steps of `manage.py up`, in their order."""

from __future__ import annotations

import http.client
import json
import os
import time
from typing import Any

from django.conf import settings

from settings import embedded
from settings.runner import commands, preflight, prepare
from settings.runner.lock import only_one
from settings.runner.refusal import Refusal
from settings.runner.supervisor import Supervisor, end_on_signals, say

SECONDS_TO_BE_READY = 120


def up(simulate: str = "") -> None:
    """Start everything and stay until told to end; `simulate` is the rate of the simulated world, "" for none.

    Raises Refusal with a sentence when something cannot be started or ends for good.
    """
    with only_one(settings.LIVEFEEDS_HOME) as cut_short:
        _ports(patience=10 if cut_short else 0)
        if simulate:
            os.environ.update(commands.closed_world())
        supervisor = Supervisor()
        end_on_signals(supervisor)
        try:
            _servers(supervisor)
            prepare.catalogues_of_translations()
            newcomer = prepare.database()
            try:
                _site(supervisor)
            finally:
                # Told even when the start fails: it can be told only once.
                if newcomer:
                    say(sign_in(*newcomer))
            say(f"Live Feeds is ready: {settings.LIVEFEEDS_URL}  (Ctrl-C ends it)")
            if simulate:
                supervisor.start("simulator", commands.simulator(simulate))
            supervisor.watch(lambda: False, every=0.5)
        except KeyboardInterrupt:
            say("Stopping ...")
        except embedded.NotStarted as error:
            raise Refusal(str(error)) from error
        finally:
            supervisor.stop()


def _ports(*, patience: float) -> None:
    """That nobody else listens where we are going to; `patience` in seconds."""
    preflight.port(settings.HOST, settings.PORT, patience=patience)
    for name in ("SMTP_PORT", "SMTP_TLS_PORT"):
        if number := getattr(settings, name):
            preflight.port(settings.SMTP_HOST, number, patience=patience, name=name)


def _servers(supervisor: Supervisor) -> None:
    """PostgreSQL and the broker: started side by side where they are ours, else looked at."""
    home = settings.LIVEFEEDS_HOME
    if not settings.EMBEDDED_DATABASE:
        preflight.database(settings.DATABASE_URL)
    if not settings.EMBEDDED_BROKER:
        preflight.broker(settings.REDIS_URL)
    embedded.open_folders(home)
    if settings.EMBEDDED_DATABASE:
        if not (home / "postgres").exists():
            say(f"Making a database in {home / 'postgres'} ...")
        embedded.make_cluster(home)
        embedded.clear_postmaster(home)
        postgres = supervisor.start("postgres", embedded.postgres(home), deep=True)
    if settings.EMBEDDED_BROKER:
        embedded.clear_valkey(home)
        valkey = supervisor.start("valkey", embedded.valkey(home), deep=True)
        embedded.wait_for_valkey(embedded.socket_folder(home) / "valkey.sock", valkey)
    if settings.EMBEDDED_DATABASE:
        embedded.wait_for_postgres(home, postgres)


def _site(supervisor: Supervisor) -> None:
    """Web, workers, scheduler and SMTP, until /readyz says that all of them are there."""
    supervisor.start("ingest", commands.worker("ingest", settings.WORKERS))
    supervisor.start("send", commands.worker("send", settings.SENDERS))
    supervisor.start("maintenance", commands.worker("maintenance", 1))
    supervisor.start("scheduler", commands.scheduler())
    if settings.SMTP_PORT:
        supervisor.start("smtp", commands.smtp())
    prepare.static_files()
    supervisor.start("web", commands.web())
    deadline = time.monotonic() + SECONDS_TO_BE_READY
    wrong = ["The web server does not answer yet."]

    def ready() -> bool:
        wrong[:] = _wrong()
        if wrong and time.monotonic() > deadline:
            raise Refusal(f"Not ready after {SECONDS_TO_BE_READY} seconds. {' '.join(wrong)}")
        return not wrong

    supervisor.watch(ready, every=0.1)


def _wrong() -> list[str]:
    """What /readyz says is missing, a sentence each."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104
    web = http.client.HTTPConnection(host, settings.PORT, timeout=5)
    try:
        web.request("GET", "/readyz", headers={"Host": "localhost"})
        parts: dict[str, Any] = json.loads(web.getresponse().read())["parts"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return ["The web server does not answer yet."]
    finally:
        web.close()
    return [str(part["wrong"]) for part in parts.values() if not part["ok"]]


def sign_in(name: str, password: str) -> str:
    """What the administrator reads once."""
    return f"""
    Sign in as     {name}
    with password  {password}
    The password is shown this once: change it after signing in.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from delivery.smtpd.certificate import Certificate, our_own
from delivery.smtpd.server import Limits, Server
from settings import presence

# Of all connections, one address may have this part.
SHARE_OF_ONE_PEER = 5
# Of messages that are just coming in, all together.
LEAST_BUFFERED = 256 * 1024 * 1024


class Command(BaseCommand):
    help = "Take mail by SMTP: from applications that log in with an API key, and bounces for return-path domains."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SMTP_PORT:
            raise CommandError("SMTP_PORT is 0, so there is nowhere to listen: set it to a port.")
        try:
            server = Server(
                settings.SMTP_HOSTNAME, certificate(), limits(), plain_logins=settings.SMTP_AUTH_WITHOUT_TLS
            )
            asyncio.run(serve(server))
        except OSError as error:
            raise CommandError(
                f"No mail can be taken at port {settings.SMTP_PORT}: {error.strerror or error}."
            ) from error


def certificate() -> Certificate:
    """The one that is set, or our own. Raises CommandError."""
    try:
        if settings.SMTP_TLS_CERT:
            return Certificate(Path(settings.SMTP_TLS_CERT), Path(settings.SMTP_TLS_KEY))
        return our_own(settings.LIVEFEEDS_HOME / "smtp", settings.SMTP_HOSTNAME, timezone.now())
    except OSError as error:
        # ssl.SSLError is one of them: the files are no pair, or none at all.
        raise CommandError(
            "The certificate of SMTP_TLS_CERT and SMTP_TLS_KEY cannot be used "
            f"({error.strerror or error}): both must be PEM files that belong together and that we may read."
        ) from error


def limits() -> Limits:
    return Limits(
        bytes=settings.SMTP_MAX_BYTES,
        buffered=max(LEAST_BUFFERED, 4 * settings.SMTP_MAX_BYTES),
        idle=settings.SMTP_IDLE_SECONDS,
        connections=settings.SMTP_CONNECTIONS,
        per_peer=max(1, settings.SMTP_CONNECTIONS // SHARE_OF_ONE_PEER),
    )


async def serve(server: Server) -> None:
    """Until SIGTERM or Ctrl-C. Raises OSError where the port cannot be had."""
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    await server.start(settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS_PORT)
    gone = threading.Event()
    presence.keep_showing("smtp", gone)
    await end.wait()
    gone.set()
    await server.stop()

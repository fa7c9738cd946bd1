"""The web server of the product inside the tests' process: granian, in a thread of its own.

Unlike Django's own live server it serves asynchronous views, and streams that do not end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.test import modify_settings
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from settings.bodies import Handler
from settings.road import RoadIn
from tests.site import free_port, wait_until
from tracking.door import Door


class Served(threading.Thread):
    """The site, for as long as the block lasts."""

    def __init__(self) -> None:
        super().__init__(name="served", daemon=True)
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        # Pytest's helper for live servers asks for these.
        self._live_server_modified_settings = modify_settings(ALLOWED_HOSTS={"append": "localhost"})
        self.loop: asyncio.AbstractEventLoop | None = None
        self.server: Any = None

    def __enter__(self) -> Served:
        self.start()
        wait_until(lambda: self.server is not None and self.server.wrks, 20, "the site is served")
        return self

    def __exit__(self, *error: object) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.server.stop)
        self.join(20)

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        django = Door(RoadIn(Handler(), prefix=("/in/", "/v5")))
        application = ASGIStaticFilesHandler(django)  # type: ignore[arg-type]
        self.server = Server(
            application, "127.0.0.1", self.port, interface=Interfaces.ASGINL, http=HTTPModes.http1, websockets=False,
            backpressure=1000, log_enabled=False,
        )  # fmt: skip
        await self.server.serve()


@pytest.fixture(scope="session")
def live_server() -> Iterator[Served]:
    """In place of the one of pytest-django's."""
    with Served() as served:
        yield served

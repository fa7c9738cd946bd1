"""Chromium for the browser tests, a page whose console must have stayed silent, and an account with emails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, sync_playwright

from accounts.models import Account, Role
from feeds.events import Bounce, Kind
from feeds.lifecycle import record
from tests import make
from tests.browser.chromium import NOT_FOUND, find
from webhooks.models import Source

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

# The policy's violations are told on the console only in some cases; the event is told in all.
WATCH = "addEventListener('securitypolicyviolation', e => console.error('CSP: ' + e.violatedDirective + e.blockedURI))"


WIDTHS = pytest.mark.parametrize("width", [pytest.param(1440, id="wide"), pytest.param(375, id="phone")])
# Colours are looked at as they end up, not on their way there.
STILL = {"reduced_motion": "reduce"}
SCHEMES = pytest.mark.parametrize("color_scheme", ["light", "dark"])
type Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module. Playwright's loop runs in this thread, which Django would refuse."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    path = find()
    assert path, NOT_FOUND
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield chromium
        chromium.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own. At the end nothing may have been complained about on any of them."""
    said: list[str] = []
    contexts = []

    def make(width: int = 1440, **options: Any) -> Page:
        options = {"viewport": {"width": width, "height": 900}, "base_url": live_server.url, **STILL, **options}
        context = browser.new_context(**options)
        contexts.append(context)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert said == []


def check(page: Page) -> None:
    """Nothing is inaccessible, and nothing scrolls sideways."""
    found: Any = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


@contextmanager
def offline(page: Page) -> Iterator[None]:
    """The page's network is away during the block."""
    page.context.set_offline(True)
    yield
    page.context.set_offline(False)


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


@pytest.fixture
def signed_in(open_page: Open, acme: Account) -> Open:
    """Opens the feed as an owner who is signed in."""
    client = Client()
    client.force_login(make.member(acme, "olga", Role.OWNER, password="correct-horse"))

    def make_page(width: int = 1440, path: str = "", **options: Any) -> Page:
        page = open_page(width, **options)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "domain": "localhost", "path": "/"}
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        page.goto(f"/a/{acme.slug}/{path}")
        return page

    return make_page


def happen(source: Source, kind: Kind, recipient: str, ago: float = 0, **fields: Any) -> None:
    at = timezone.now() - timedelta(seconds=ago)
    event = make.event(kind, recipient, message_id=f"m-{recipient}", occurred_at=at, **fields)
    record([make.arrival(source, event, received_at=timezone.now())])


def fill(source: Source, count: int = 60) -> None:
    """Many delivered emails, and one bounce that is the newest."""
    now = timezone.now()
    events = [
        make.event(
            Kind.DELIVERED,
            f"p{n}@example.com",
            message_id=f"m-p{n}@example.com",
            occurred_at=now - timedelta(minutes=n + 5),
            sender="news@acme.test",
            subject=f"Offer {n}",
            comment="250 2.0.0 OK",
        )
        for n in range(count)
    ]
    record([make.arrival(source, *events, received_at=now)])
    happen(source, Kind.MACHINE_OPENED, "bounced@example.org", ago=30)
    happen(
        source, Kind.BOUNCED, "bounced@example.org", ago=20, bounce=Bounce.HARD, code="5.1.1", comment="550 5.1.1 No"
    )

"""The whole road of a tracked email, once: switched on in the browser, sent, read in Chromium, and seen in the feed."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from feeds.events import Kind
from feeds.models import Email, StoredEvent
from settings.celery import app
from tests import make
from tests.browser.conftest import Open
from tests.delivery.engine import mailer, send_all
from tests.delivery.v5.asking import SEND, key, request
from tests.sinks import Sink, sink
from tests.tracking.mail import CHROME
from tracking import persons

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECONDS = 30_000
PATH = "/orders/1?a=b&c=%C3%A4"


@pytest.fixture(autouse=True)
def mx(settings: Any, live_server: LiveServer) -> Iterator[Sink]:
    settings.LIVEFEEDS_URL = live_server.url
    with sink(replies={}) as made:
        settings.MX_ROUTES = {"*": ("127.0.0.1", made.port)}
        yield made


@contextmanager
def shop() -> Iterator[tuple[str, list[str]]]:
    """Somebody else's site, and the paths it was asked for: Playwright routes no request that a redirect leads to."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b"<!doctype html><title>Order</title><link rel=icon href=data:,><h1>Order 1</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://shop.localhost:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def switch_clicks(page: Page, account: Account, on: bool) -> None:
    page.goto(f"/a/{account.slug}/settings/customize/")
    form = page.get_by_role("form", name="All emails of the account")
    form.get_by_label("Click tracking").set_checked(on)
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It holds for the next email that is sent.")).to_be_visible()


def mailed(url: str, api_key: str, mx: Sink, recipient: str, html: str) -> str:
    """The HTML that arrives when this is asked for over the API."""
    body = json.dumps(request(recipient, content=[{"type": "html", "value": html}])).encode()
    headers = {"api_key": api_key, "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url + SEND, body, headers), timeout=20) as answer:
        assert answer.status == 202
    with mailer() as ours:
        send_all(ours)
    mail: EmailMessage = mx.messages[-1].parsed
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@contextmanager
def worker() -> Iterator[None]:
    """What reads the inbox when it is told, and only then: nothing sweeps here."""
    with start_worker(app, pool="solo", queues=["ingest"], perform_ping_check=False, shutdown_timeout=60):
        yield


# When the row of an email first says a word, by the clock that hits are stored by.
SEEN = """([recipient, words]) => {
    document.seen = {};
    const look = () => {
        const row = [...document.querySelectorAll('#rows tr')].find(row => row.textContent.includes(recipient));
        for (const word of words)
            if (!document.seen[word] && row?.querySelector('.c-status').textContent.includes(word))
                document.seen[word] = Date.now();
    };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def took(page: Page, recipient: str) -> dict[str, float]:
    """How many seconds after it was visited the feed said so."""
    seen = page.evaluate("document.seen")
    visits = StoredEvent.objects.filter(email__recipient=recipient, name__in=("open", "click"))
    kinds = {Kind.OPENED: "Opened", Kind.CLICKED: "Clicked"}
    return {word: seen[word] / 1000 - visits.get(kind=kind).occurred_at.timestamp() for kind, word in kinds.items()}


def test_a_mail_is_tracked_as_switched_and_seen_in_the_feed(
    signed_in: Open,
    open_page: Open,
    acme: Account,
    mx: Sink,
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    # However slow the machine: whoever reads in this test reads at once.
    monkeypatch.setattr(persons, "AT_DELIVERY", timedelta(minutes=10))
    make.signing_domain(acme)
    api_key = key(acme)
    page = signed_in()
    with shop() as (site, asked), worker():
        target = f"{site}{PATH}#top"
        html = f'<html><body><p>Hello</p><a href="{target.replace("&", "&amp;")}">See it</a></body></html>'
        switch_clicks(page, acme, on=False)
        plain = mailed(live_server.url, api_key, mx, "ann@example.com", html)
        assert ("/t/c/" in plain, "/t/o/" in plain, target.replace("&", "&amp;") in plain) == (False, True, True)
        switch_clicks(page, acme, on=True)
        tracked = mailed(live_server.url, api_key, mx, "bob@example.com", html)
        assert ("/t/c/" in tracked, target.replace("&", "&amp;") in tracked) == (True, False)

        page.goto(f"/a/{acme.slug}/")
        row = page.locator("#rows tr", has_text="bob@example.com")
        expect(row.locator(".c-status")).to_contain_text("Delivered")
        expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=SECONDS)
        page.evaluate("document.same = true")
        page.evaluate(SEEN, ["bob@example.com", ["Opened", "Clicked"]])
        inbox = open_page(user_agent=CHROME, locale="en-US")
        inbox.set_content(tracked)
        expect(row.locator(".c-status")).to_contain_text("Opened", timeout=SECONDS)
        inbox.get_by_role("link", name="See it").click()
        expect(inbox.get_by_role("heading", name="Order 1")).to_be_visible()
        assert (inbox.url, asked) == (target, [PATH])
        expect(row.locator(".c-status")).to_contain_text("Clicked", timeout=SECONDS)
        assert page.evaluate("document.same"), "the page was loaded again"
        # Told by a nudge alone. How long it took is for who reads the report: machines differ.
        for word, seconds in took(page, "bob@example.com").items():
            record_property(f"{word}, seconds until it was seen", round(seconds, 2))
    page.goto(f"/a/{acme.slug}/emails/{Email.objects.get(recipient='bob@example.com').id}/")
    visits = page.get_by_role("region", name="Who opened and clicked")
    expect(visits.get_by_role("table", name="Links that were followed")).to_contain_text(target)
    person = visits.get_by_role("table", name="People and machines")
    expect(person).to_contain_text("person")
    expect(person).to_contain_text("Chrome")
    expect(page.get_by_text("it came within seconds of the delivery").first).to_be_visible()
    page.goto(f"/a/{acme.slug}/overview/?range=24h")
    for name in ("Opened by people", "Clicked by people"):
        figure = page.locator("section", has=page.get_by_role("heading", name=name, exact=True))
        expect(figure.locator(".figure-count")).to_have_text("1")
        expect(figure).to_contain_text("50.0%")

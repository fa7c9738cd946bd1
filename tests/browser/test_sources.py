"""The pages of sources, settings and members, as Chromium shows them at both widths."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect, sync_playwright

from accounts.models import Account, Role
from feeds import inbox
from tests import make
from tests.browser.chromium import find
from webhooks import intake
from webhooks.models import Source

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDTHS = [pytest.param(1440, id="wide"), pytest.param(375, id="phone")]
# The policy's violations are told on the console only in some cases; the event is told in all.
WATCH = "addEventListener('securitypolicyviolation', e => console.error('CSP: ' + e.violatedDirective + e.blockedURI))"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A Chromium of this module's own. Playwright's loop runs in this thread, which Django would refuse otherwise."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    path = find()
    assert path, "No Chromium: run python -m tests.browser.chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, chromium: Browser, live_server: LiveServer, acme: Account) -> Iterator[Page]:
    """A page of an owner who is signed in. Afterwards the console must have been silent."""
    client = Client()
    client.force_login(make.member(acme, "olga", Role.OWNER))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    context = chromium.new_context(viewport={"width": request.param, "height": 900}, base_url=live_server.url)
    context.add_cookies([cookie])  # type: ignore[list-item]
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    context.add_init_script(WATCH)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    # Chromium itself tells of every answer that is an error, also of the wrong form we send on purpose.
    assert [line for line in said if "status of 422" not in line] == []


def check(page: Page) -> None:
    """Nothing is inaccessible, and nothing scrolls sideways."""
    found: Any = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def submit(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name).click()


def test_a_source_is_added_tried_changed_and_deleted(page: Page, acme: Account) -> None:
    page.goto(f"/a/{acme.slug}/sources/")
    check(page)
    page.get_by_role("link", name="Add a source").click()
    check(page)
    page.get_by_role("link", name="Mailgun").click()
    check(page)
    page.get_by_label("Name", exact=True).fill("Our shop")
    submit(page, "Save and show the address")
    expect(page.get_by_role("heading", name="Our shop")).to_be_visible()
    expect(page.get_by_text("Requests are refused until this is filled in:")).to_be_visible()
    check(page)

    submit(page, "Copy")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    source = Source.objects.get()
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"/in/{source.token}")

    page.get_by_label("Recipient").fill("me@example.com")
    submit(page, "Send a test event")
    page.wait_for_url("**/?q=me%40example.com")
    inbox.work()

    page.goto(f"/a/{acme.slug}/sources/{source.pk}/")
    page.get_by_text("As a table").click()
    check(page)
    page.get_by_role("link", name="Change").click()
    page.get_by_label("HTTP webhook signing key").fill("key-of-the-shop")
    check(page)
    submit(page, "Save")
    expect(page.get_by_text("The source was saved.")).to_be_visible()
    expect(page.get_by_text("Requests are refused")).to_have_count(0)
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Name of the source").fill("something else")
    submit(page, "Delete the source")
    expect(page.get_by_text("This is not its name.")).to_be_visible()
    check(page)
    page.get_by_label("Name of the source").fill("Our shop")
    submit(page, "Delete the source")
    expect(page.get_by_text("Nothing sends events here yet")).to_be_visible()


def test_what_could_not_be_read_is_looked_at_and_read_again(page: Page, acme: Account) -> None:
    source = make.source(acme, secrets={"signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    now = timezone.now()
    body = b'{"event": "delivered", "note": "' + b"long" * 500 + b'"}'
    inbox.store(inbox.Incoming(acme.pk, source.pk, intake.KIND, now, "application/json", {"webhook-id": "msg_1"}, body))
    inbox.work()
    page.goto(f"/a/{acme.slug}/sources/")
    expect(page.get_by_text("1 request could not be read.")).to_be_visible()
    check(page)
    page.goto(f"/a/{acme.slug}/sources/{source.pk}/")
    check(page)
    page.locator("table time").first.click()
    expect(page.get_by_text("msg_1")).to_be_visible()
    check(page)
    submit(page, "Read again")
    expect(page.get_by_text("1 request is being read again.")).to_be_visible()
    check(page)


def test_settings_and_members_are_changed(page: Page, acme: Account) -> None:
    page.goto(f"/a/{acme.slug}/settings/")
    check(page)
    page.get_by_label("Time zone").select_option("America/Sao_Paulo")
    submit(page, "Save")
    expect(page.get_by_text("The settings were saved.")).to_be_visible()
    acme.refresh_from_db()
    assert acme.time_zone == "America/Sao_Paulo"

    page.goto(f"/a/{acme.slug}/members/")
    check(page)
    page.get_by_label("Username").fill("nina")
    submit(page, "Create")
    expect(page.get_by_text("nina was created.")).to_be_visible()
    check(page)
    page.get_by_label("Role of nina").select_option("Administrator")
    submit(page, re.compile("the role of nina"))
    expect(page.get_by_text("The role of nina is now: Administrator.")).to_be_visible()
    page.locator("summary", has_text="nina").click()
    check(page)
    submit(page, "Yes, remove nina")
    expect(page.get_by_text("nina is not a member any more.")).to_be_visible()


def test_the_pages_are_readable_in_the_dark(page: Page, acme: Account) -> None:
    source = make.source(acme)
    page.emulate_media(color_scheme="dark")
    for path in (
        "sources/",
        "sources/add/",
        f"sources/{source.pk}/",
        f"sources/{source.pk}/edit/",
        "settings/",
        "members/",
    ):
        page.goto(f"/a/{acme.slug}/{path}")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        check(page)

"""Settings > Customize and the page to unsubscribe at, as Chromium shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from accounts.models import Account
from delivery.models import BounceDigest
from feeds.events import Kind
from suppression.models import Suppression
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check
from tests.tracking.mail import CHROME, Sent, read, sent
from tests.tracking.pictures import png
from tracking import switches
from tracking.models import Farewell, TrackingSettings

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def mail(acme: Account) -> Sent:
    return sent(acme)


@WIDTHS
@SCHEMES
def test_switches_are_set_and_hold(signed_in: Open, acme: Account, width: int, color_scheme: str) -> None:
    TrackingSettings.objects.create(account=acme, domain="news.acme.test", click=True)
    page = signed_in(width, "settings/customize/", color_scheme=color_scheme)
    check(page)
    everywhere = page.get_by_role("form", name="All emails of the account")
    everywhere.get_by_label("Click tracking").focus()
    page.keyboard.press("Space")
    everywhere.get_by_label("Tracking host name").fill("links.acme.test")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved. It holds for the next email that is sent.")).to_be_visible()
    expect(page.get_by_text("links.acme.test. CNAME localhost.")).to_be_visible()
    assert not switches.of(acme.id, "acme.test").click
    folded = page.locator("summary", has_text="news.acme.test")
    expect(folded).to_contain_text("Click tracking: on")
    folded.focus()
    page.keyboard.press("Enter")
    domain = page.get_by_role("form", name="news.acme.test")
    expect(domain.get_by_text("on, set for this domain")).to_be_visible()
    check(page)
    domain.get_by_label("Open tracking").select_option("off")
    domain.get_by_role("button").click()
    expect(folded).to_contain_text("Open tracking: off, Click tracking: on")
    expect(domain).to_be_hidden()
    assert not switches.of(acme.id, "news.acme.test").open
    check(page)


def test_a_dozen_domains_are_a_dozen_lines(signed_in: Open, acme: Account) -> None:
    for n in range(12):
        TrackingSettings.objects.create(account=acme, domain=f"news{n}.acme.test", click=False)
    page = signed_in(375, "settings/customize/", java_script_enabled=False)
    section = page.get_by_role("region", name="By sender domain")
    assert section.get_by_role("form").count() == 0
    page.locator("summary", has_text="news7.acme.test").click()
    expect(section.get_by_role("form", name="news7.acme.test")).to_be_visible()


@WIDTHS
def test_the_page_is_previewed_saved_and_reset(signed_in: Open, acme: Account, width: int) -> None:
    page = signed_in(width, "settings/customize/")
    form = page.get_by_role("form", name="The page to unsubscribe at")
    form.get_by_role("group", name="English").get_by_label("Title").fill("Farewell")
    form.get_by_label("Logo").set_input_files({"name": "logo.png", "mimeType": "image/png", "buffer": png(80, 40)})
    form.get_by_role("button", name="Preview").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("Farewell")).to_be_visible()
    expect(preview.get_by_text("This is not saved yet.")).to_be_visible()
    check(page)
    form.get_by_label("Logo").set_input_files({"name": "logo.png", "mimeType": "image/png", "buffer": png(80, 40)})
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert Farewell.objects.get().logo_type == "image/png"
    check(page)
    form.get_by_role("button", name="Reset to default").click()
    expect(page.get_by_text("The page says what it says as it comes.")).to_be_visible()
    assert not Farewell.objects.exists()


@pytest.mark.parametrize("locale", ["en", "pt-BR"])
def test_customize_in_portuguese_and_english_without_scripts(signed_in: Open, locale: str) -> None:
    page = signed_in(375, "settings/customize/", locale=locale, java_script_enabled=False)
    assert page.locator("form").count() >= 4


@WIDTHS
@SCHEMES
def test_somebody_unsubscribes_and_takes_it_back(open_page: Open, mail: Sent, width: int, color_scheme: str) -> None:
    Farewell.objects.create(account=mail.email.account, logo=png(80, 40), logo_type="image/png")
    page = open_page(width, color_scheme=color_scheme)
    page.goto(mail.signer.leave())
    assert page.evaluate("document.querySelector('img').naturalWidth") == 80
    check(page)
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_text("You will get no more of these emails.")).to_be_visible()
    check(page)
    read()
    assert Suppression.objects.exists()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("It was taken back.")).to_be_visible()
    check(page)
    read()
    assert not Suppression.objects.exists()
    assert page.context.cookies() == []


def test_the_page_can_be_read_without_scripts_and_styles(open_page: Open, mail: Sent) -> None:
    page = open_page(375, java_script_enabled=False, locale="pt-BR")
    page.route("**/*.css", lambda route: route.fulfill(body="", content_type="text/css"))
    page.goto(mail.signer.leave())
    expect(page.locator("h1")).to_be_visible()
    page.locator("button").click()
    expect(page.get_by_role("status")).to_be_visible()
    read()
    assert Suppression.objects.exists()


def test_the_browser_goes_where_the_account_says(open_page: Open, mail: Sent, live_server: LiveServer) -> None:
    """The policy of a page with a form also asks where its answer leads."""
    elsewhere = live_server.url.replace("localhost", "127.0.0.1")
    Farewell.objects.create(account=mail.email.account, redirect_url=f"{elsewhere}/healthz")
    page = open_page()
    page.goto(mail.signer.leave())
    page.get_by_role("button", name="Unsubscribe").click()
    page.wait_for_url(f"{elsewhere}/healthz")
    read()
    assert Suppression.objects.exists()


@WIDTHS
@SCHEMES
def test_a_link_that_is_not_valid_says_so(open_page: Open, mail: Sent, width: int, color_scheme: str) -> None:
    page = open_page(width, color_scheme=color_scheme)
    answers: list[int] = []
    page.on("response", lambda response: answers.append(response.status))
    page.route("**/t/c/**", lambda route: route.fulfill(response=route.fetch(), status=200))
    page.goto(mail.link().replace("/c/1", "/c/1x"))
    expect(page.get_by_role("heading", name="This link is not valid")).to_be_visible()
    check(page)


def test_a_mail_is_opened_and_its_link_followed(open_page: Open, mail: Sent, live_server: LiveServer) -> None:
    """As a mail program does it: loading shows the pixel, and the link leads to its exact target."""
    target = f"{live_server.url}/healthz?a=b&c=%C3%A4#top"
    page = open_page(user_agent=CHROME)
    page.goto("/healthz")
    page.set_content(f'<img src="{mail.signer.pixel()}" alt=""><a href="{mail.link(target)}">Read</a>')
    page.wait_for_function("document.querySelector('img').naturalWidth === 1")
    page.get_by_role("link", name="Read").click()
    page.wait_for_url(target)
    read()
    assert [(event.kind, event.url) for event in mail.events] == [(Kind.OPENED, ""), (Kind.CLICKED, target)]


@WIDTHS
def test_an_address_is_told_of_bounces(signed_in: Open, acme: Account, width: int) -> None:
    page = signed_in(width, "settings/customize/")
    form = page.get_by_role("form", name="Told of bounces")
    expect(form.get_by_role("link", name="Add a domain")).to_be_visible()
    # A refusal is no error of the page: Chromium complains of the status alone.
    page.route("**/bounces/", lambda route: route.fulfill(response=route.fetch(max_redirects=0), status=200))
    form.get_by_label("Bounce notification address").fill("ops at acme.com")
    form.get_by_role("button", name="Save").click()
    expect(form.locator(".invalid-feedback")).to_be_visible()
    check(page)
    page.unroute("**/bounces/")
    make.sender_domain(acme)
    form.get_by_label("Bounce notification address").fill("ops@acme.com")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The settings were saved.")).to_be_visible()
    expect(form.get_by_text("It comes from no-reply@acme.test")).to_be_visible()
    assert BounceDigest.objects.get().address == "ops@acme.com"
    check(page)

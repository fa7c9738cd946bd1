"""The feed as a person uses it in Chromium: what is live on it, what is found, and that nothing complains."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.models import Account, Role
from tests import make
from tests.browser.conftest import WIDTHS, Open, check, fill
from webhooks.models import Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@WIDTHS
def test_a_person_signs_in_finds_an_email_and_opens_it(open_page: Open, acme: Account, src: Source, width: int) -> None:
    fill(src)
    make.member(acme, "olga", Role.OWNER, password="correct-horse")
    page = open_page(width)
    page.goto("/")
    check(page)
    page.get_by_label("Login").fill("olga")
    page.get_by_label("Password", exact=True).fill("correct-horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_title("Live feed · Live Feeds")
    expect(page.locator("#rows tr")).to_have_count(50)
    check(page)
    page.get_by_role("combobox").press_sequentially("bounced@")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?q=bounced%40")
    page.locator("#rows tr").click()
    expect(page.get_by_role("heading", name="bounced@example.org")).to_be_visible()
    expect(page.get_by_text("“Bounced”, because of the event “Bounced” of")).to_be_visible()
    check(page)
    page.go_back()
    expect(page.get_by_role("combobox")).to_have_value("bounced@")
    expect(page.locator("#rows tr")).to_have_count(1)


@WIDTHS
def test_statuses_and_days_narrow_the_list_and_clear_widens_it(signed_in: Open, src: Source, width: int) -> None:
    fill(src)
    page = signed_in(width)
    page.locator("label.chip", has_text="Bounced").click()
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page).to_have_url(f"{page.url.partition('?')[0]}?q=status%3Abounced")
    page.get_by_text("Any time").first.click()
    page.get_by_label("To", exact=True).fill("2001-01-01")
    expect(page.get_by_text("No email matches this search")).to_be_visible()
    expect(page.get_by_label("To", exact=True)).to_be_visible()
    check(page)
    page.locator("#no-hits").get_by_role("link", name="Clear the search").click()
    expect(page.locator("#rows tr")).to_have_count(50)


def test_the_download_holds_what_the_screen_shows(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in(path="?status=bounced")
    page.get_by_role("link", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 2
    assert "bounced@example.org" in lines[1]


def test_language_and_theme_stay_switched(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    check(page)
    page.get_by_role("button", name="Português").click()
    expect(page.locator("html")).to_have_attribute("lang", "pt-br")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    check(page)


def test_colours_follow_the_device_until_somebody_chooses(signed_in: Open, src: Source) -> None:
    page = signed_in(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


@WIDTHS
def test_the_menus_lead_everywhere(signed_in: Open, src: Source, width: int) -> None:
    page = signed_in(width)
    if width < 992:
        page.get_by_role("button", name="Menu").click()
    for name in ("Live feed", "Overview", "Exports", "Settings"):
        expect(page.get_by_role("navigation").get_by_role("link", name=name)).to_be_visible()
    check(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("cell", ["c-status", "c-recipient", "c-subject", "c-comment", "c-count", "c-time"])
def test_the_whole_row_opens_the_email(signed_in: Open, src: Source, cell: str) -> None:
    fill(src, 0)
    page = signed_in()
    box = page.locator(f"#rows tr .{cell}").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#panel").get_by_role("heading", name="bounced@example.org")).to_be_visible()


@WIDTHS
def test_what_statuses_mean_is_one_click_away(signed_in: Open, src: Source, width: int) -> None:
    fill(src, 5)
    page = signed_in(width)
    page.get_by_role("link", name="What the statuses mean").click()
    expect(page.get_by_role("heading", name="What the statuses mean")).to_be_visible()
    check(page)


def test_reading_and_searching_need_no_scripts(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in(java_script_enabled=False)
    page.get_by_role("textbox").fill("p1@example.com")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("link", name="Clear the search").click()
    page.get_by_role("link", name="Older emails").click()
    expect(page.locator("#rows tr")).to_have_count(11)
    page.locator("#rows tr").first.get_by_role("link").click()
    page.get_by_role("link", name="Original record").first.click()
    expect(page.get_by_text("The original request is no longer kept.")).to_be_visible()

"""The query box, the controls beside it and the address: three views of one filter."""

from __future__ import annotations

import re
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Page, expect

from feeds.events import Kind
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check, fill, happen
from webhooks.models import Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def says(page: Page, query: str) -> None:
    """Box and address say this; the chips are looked at by each test."""
    expect(page.locator("#q")).to_have_value(query)
    expect(page).to_have_url(re.compile(re.escape(f"?q={quote_plus(query)}" if query else "/") + "$"))


def pressed(page: Page) -> list[str]:
    return [box.get_attribute("value") or "" for box in page.locator(".chip input:checked").all()]


@SCHEMES
@WIDTHS
def test_suggestions_are_chosen_with_the_keyboard(signed_in: Open, src: Source, width: int, color_scheme: str) -> None:
    fill(src)
    page = signed_in(width, color_scheme=color_scheme)
    box = page.get_by_role("combobox", name="Search emails")
    box.press_sequentially("p1@example.com sta")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("status:")
    expect(box).to_have_attribute("aria-expanded", "true")
    check(page)
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
    page.keyboard.press("Enter")
    expect(box).to_have_value("p1@example.com status:")
    expect(options.first).to_contain_text("processed")
    page.keyboard.type("del")
    expect(options).to_have_count(1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    expect(box).to_have_value("p1@example.com status:delivered ")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.keyboard.press("Enter")
    says(page, "p1@example.com status:delivered")
    assert pressed(page) == ["delivered"]


def test_a_suggestion_goes_in_where_the_caret_is(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    box = page.get_by_role("combobox")
    box.fill("from: status:delivered")
    box.evaluate("box => box.setSelectionRange(5, 5)")
    page.keyboard.type("new")
    page.get_by_role("option", name="news@acme.test").click()
    expect(box).to_have_value("from:news@acme.test status:delivered")
    expect(box).to_be_focused()
    expect(page.locator("#rows tr")).to_have_count(50)
    expect(page).to_have_url(re.compile("from%3Anews%40acme.test"))


def test_escape_closes_the_suggestions_before_it_leaves_the_box(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    page.keyboard.press("/")
    page.keyboard.type("st")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator("#q")).to_have_value("st")


@WIDTHS
def test_box_chips_and_address_say_the_same_whichever_was_touched(signed_in: Open, src: Source, width: int) -> None:
    fill(src)
    page = signed_in(width)
    page.locator("#q").fill("example")
    expect(page).to_have_url(re.compile("q=example$"))
    page.locator("label.chip", has_text="Bounced").click()
    says(page, "example status:bounced")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#said")).to_have_text("1 email")
    expect(page.locator("#n-delivered")).to_have_text("60")
    page.locator("#status-delivered").press("Space")
    says(page, "example status:delivered,bounced")
    expect(page.locator("#status-delivered")).to_be_focused()
    page.locator("#q").fill("status:bounced")
    page.keyboard.press("Enter")
    says(page, "status:bounced")
    expect(page.locator("#rows tr")).to_have_count(1)
    assert pressed(page) == ["bounced"]
    page.locator("#span-menu summary").click()
    page.get_by_role("link", name="Last 7 days").click()
    says(page, "status:bounced since:7d")
    expect(page.locator("#span-menu summary")).to_contain_text("Last 7 days")
    page.go_back()
    says(page, "status:bounced")
    expect(page.locator("#span-menu summary")).to_contain_text("Any time")
    page.go_back()
    says(page, "example status:delivered,bounced")
    expect(page.locator("#rows tr")).to_have_count(50)
    page.go_forward()
    says(page, "status:bounced")
    page.reload()
    says(page, "status:bounced")
    page.get_by_role("link", name="Clear the search").click()
    says(page, "")
    assert pressed(page) == []


@SCHEMES
@WIDTHS
def test_a_mistake_is_shown_at_its_place_and_takes_nothing_away(
    signed_in: Open, src: Source, width: int, color_scheme: str
) -> None:
    fill(src)
    page = signed_in(width, color_scheme=color_scheme)
    page.locator("#q").fill("😀 status:bouncd")
    page.keyboard.press("Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Did you mean “bounced”?")
    expect(alert.locator("mark")).to_have_text("bouncd")
    expect(page.locator("#q")).to_have_attribute("aria-invalid", "true")
    assert page.evaluate("getSelection().toString()") == "bouncd"
    expect(page.locator("#rows tr")).to_have_count(50)
    check(page)
    # It is chosen, so that typing mends it.
    page.keyboard.type("bounced")
    expect(alert).to_be_hidden()
    expect(page.locator("#q")).not_to_have_attribute("aria-invalid", "true")


@WIDTHS
def test_how_to_search_is_one_click_away(signed_in: Open, src: Source, width: int) -> None:
    fill(src)
    page = signed_in(width)
    page.get_by_role("button", name="How to search").click()
    expect(page.get_by_role("dialog", name="How to search")).to_be_visible()
    check(page)
    page.get_by_role("dialog").get_by_role("link", name="status:bounced", exact=True).click()
    says(page, "status:bounced")


def test_searching_while_typing_leaves_the_text_and_the_caret_alone(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    box = page.locator("#q")
    box.press_sequentially("BOUNCED ")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(box).to_have_value("BOUNCED ")
    box.press("Enter")
    says(page, "bounced")
    happen(src, Kind.SENT, "bounced-too@example.com")
    expect(page.locator("#rows tr")).to_have_count(2, timeout=10_000)

"""The email beside the list, and the feed with nothing but a keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from feeds.events import Kind
from feeds.models import Email
from tests.browser.conftest import SCHEMES, Open, check, fill, happen
from webhooks.models import Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def shows(page: Page, recipient: str) -> None:
    expect(page.locator("#panel").get_by_role("heading", name=recipient)).to_be_visible()


def is_closed(page: Page) -> None:
    expect(page.locator("#side")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("open="))


def row(page: Page, recipient: str) -> str:
    return f"#e{Email.objects.get(recipient=recipient).id} .row-link"


@SCHEMES
def test_an_email_opens_beside_the_list_and_the_address_keeps_it(
    signed_in: Open, src: Source, color_scheme: str
) -> None:
    fill(src)
    page = signed_in(color_scheme=color_scheme)
    page.locator(row(page, "p3@example.com")).click()
    shows(page, "p3@example.com")
    expect(page).to_have_url(re.compile(f"open={Email.objects.get(recipient='p3@example.com').id}$"))
    expect(page.locator("#rows tr")).to_have_count(50)
    expect(page.locator(row(page, "p3@example.com"))).to_have_attribute("aria-current", "true")
    check(page)
    page.reload()
    shows(page, "p3@example.com")
    expect(page.locator(row(page, "p3@example.com"))).to_have_attribute("aria-current", "true")
    page.locator("#side").get_by_role("link", name="Close").click()
    is_closed(page)


def test_the_panel_follows_its_email_but_not_while_somebody_reads_its_record(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    page.locator(row(page, "p3@example.com")).click()
    shows(page, "p3@example.com")
    happen(src, Kind.OPENED, "p3@example.com")
    panel = page.locator("#panel")
    expect(panel.locator(".email-badges .standing")).to_have_text("Opened")
    panel.evaluate("panel => panel.insertAdjacentHTML('beforeend', '<details open id=read></details>')")
    happen(src, Kind.CLICKED, "p3@example.com")
    expect(page.locator(f"#e{Email.objects.get(recipient='p3@example.com').id} .standing")).to_have_text("Clicked")
    expect(panel.locator("#read")).to_be_attached()
    expect(panel.locator(".email-badges .standing")).to_have_text("Opened")


def test_back_closes_the_panel_however_many_emails_were_looked_at(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    for name in ("p3", "p5", "p7"):
        page.locator(row(page, f"{name}@example.com")).click()
        shows(page, f"{name}@example.com")
    page.go_back()
    is_closed(page)
    page.go_forward()
    shows(page, "p7@example.com")


def test_a_click_with_ctrl_opens_a_page_of_its_own(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    for cell in ("c-recipient", "c-comment"):
        with page.context.expect_page() as opened:
            page.locator("#rows tr").first.locator(f".{cell}").click(modifiers=["Control"], force=True)
        expect(opened.value.get_by_role("heading", level=1)).to_have_text("bounced@example.org")
        assert "open=" not in opened.value.url
    is_closed(page)


def test_on_a_phone_a_row_leads_to_the_page_of_its_email(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in(375)
    page.locator("#rows tr").first.click()
    expect(page).to_have_url(re.compile(r"/emails/\d+/$"))


def test_a_link_to_an_open_email_works_on_a_phone(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in(375, path=f"?open={Email.objects.get(recipient='p3@example.com').id}")
    shows(page, "p3@example.com")
    check(page)
    page.locator("#side").get_by_role("link", name="Close").click()
    is_closed(page)
    expect(page.locator("#rows tr")).to_have_count(6)


def test_the_feed_is_used_with_the_keyboard_alone(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    press = page.keyboard.press
    for _ in range(4):
        press("j")
    press("k")
    expect(page.locator(row(page, "p1@example.com"))).to_be_focused()
    press("Enter")
    shows(page, "p1@example.com")
    expect(page.locator("#panel")).to_be_focused()
    press("j")
    shows(page, "p2@example.com")
    expect(page.locator(row(page, "p2@example.com"))).to_be_focused()
    press("Escape")
    is_closed(page)
    expect(page.locator(row(page, "p2@example.com"))).to_be_focused()
    press("/")
    expect(page.locator("#q")).to_be_focused()
    press("j")
    expect(page.locator("#q")).to_have_value("j")
    press("Backspace")
    press("Escape")
    expect(page.locator("#q")).not_to_be_focused()
    press("p")
    expect(page.locator("[data-live-state]")).to_have_text("Paused")
    press("p")
    expect(page.locator("[data-live-state]")).to_have_text("Live")


def test_behind_the_last_row_stands_the_way_to_older_ones(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    page.locator("#rows .row-link").last.focus()
    for _ in range(51):
        page.keyboard.press("j")
    expect(page.get_by_role("link", name="Older emails")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#emails tbody tr")).to_have_count(61)


def test_the_keys_are_told_and_can_be_switched_off(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    check(page)
    dialog.get_by_label("Single letters act as keys").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("p")
    page.reload()
    page.keyboard.press("p")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.get_by_role("button", name="Keys").click()
    dialog.get_by_label("Single letters act as keys").check()
    dialog.get_by_role("button", name="Close").click()
    page.keyboard.press("p")
    expect(page.locator("[data-live-state]")).to_have_text("Paused")


def test_the_chosen_email_stays_chosen_while_others_come(signed_in: Open, acme: Account, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    page.locator(row(page, "p1@example.com")).click()
    shows(page, "p1@example.com")
    happen(src, Kind.OPENED, "p1@example.com")
    happen(src, Kind.SENT, "fresh@example.com")
    expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com", timeout=10_000)
    expect(page.locator("#rows tr", has_text="p1@example.com")).to_contain_text("Opened")
    expect(page.locator(row(page, "p1@example.com"))).to_have_attribute("aria-current", "true")
    shows(page, "p1@example.com")

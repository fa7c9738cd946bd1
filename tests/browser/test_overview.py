"""The overview as Chromium shows it: both widths, both colours, by keyboard, and without JavaScript."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from feeds.events import Bounce, Event, Kind
from feeds.lifecycle import record
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check
from webhooks.models import Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def emails(src: Source) -> None:
    """Emails of ten days: some bounce, some wait, some days have only few."""
    now = timezone.now()
    for day in range(10):
        told = [
            Event(
                kind=kind, message_id=f"m{day}-{n}", recipient=f"p{n}@{'example.com' if n % 2 else 'example.org'}",
                sender=f"a.rather.long.sender.name{n % 3}@newsletters.acme.test", bounce=Bounce.SOFT,
                occurred_at=now - timedelta(days=day, minutes=n),
                comment="552 5.2.2 mailbox full, giving up after 5 attempts" if kind == Kind.BOUNCED else "",
            )
            for n in range(5 + 3 * (day % 7))
            for kind in kinds_of(n)
        ]  # fmt: skip
        record([make.arrival(src, *told, received_at=now - timedelta(days=day))])


def kinds_of(n: int) -> tuple[Kind, ...]:
    if n in (3, 4):
        return (Kind.BOUNCED,) if n == 3 else (Kind.DEFERRED,)
    return Kind.DELIVERED, Kind.OPENED if n % 3 else Kind.MACHINE_OPENED


@WIDTHS
@SCHEMES
def test_it_is_accessible_at_both_widths_in_both_colours(signed_in: Open, width: int, color_scheme: str) -> None:
    page = signed_in(width, "overview/?range=28d&by=domain&sort=bounced", color_scheme=color_scheme)
    check(page)
    page.locator("#numbers summary").click()
    expect(page.locator("#numbers table")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Last 24 hours").click()
    expect(page.get_by_text("Counted by whole days: yesterday and today.").first).to_be_visible()
    check(page)


def test_figures_bars_and_rows_lead_to_their_emails(signed_in: Open) -> None:
    page = signed_in()
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("link", name="Overview")).to_have_attribute("aria-current", "page")
    bounced = page.locator("section", has=page.get_by_role("heading", name="Bounced", exact=True))
    told = int(bounced.locator(".figure-count").inner_text())
    bounced.locator(".figure-count").click()
    expect(page.locator("#rows tr")).to_have_count(told)
    page.go_back()
    page.locator("#chart-emails-title ~ g a").first.click()
    expect(page.locator("#q")).to_have_value(f"after:{days_ago(6)} before:{days_ago(5)}")
    page.go_back()
    page.get_by_role("link", name="Recipients' domains").click()
    page.get_by_role("row", name="example.org").get_by_role("link").nth(1).click()
    expect(page.locator("#q")).to_have_value(f"domain:example.org after:{days_ago(6)} before:{days_ago(-1)}")


def days_ago(n: int) -> str:
    now = timezone.now() - timedelta(hours=3)
    return (now - timedelta(days=n)).date().isoformat()


def test_values_are_reached_with_the_keyboard_and_the_chart_can_be_skipped(signed_in: Open) -> None:
    page = signed_in(path="overview/?range=7d")
    page.locator("#volume ~ .figure-count").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip the chart")).to_be_focused()
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.endswith("of them delivered"), focused
    page.get_by_role("link", name="Skip the chart").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#figures') !== null")


def test_it_works_without_javascript(signed_in: Open) -> None:
    page = signed_in(path="overview/", java_script_enabled=False)
    page.locator("[name=from]").fill(days_ago(8))
    page.locator("[name=to]").fill(days_ago(7))
    page.get_by_role("button", name="Show these days").click()
    page.wait_for_url(f"**?from={days_ago(8)}&to={days_ago(7)}&range=days")
    expect(page.locator("#chart-emails-title ~ g a")).to_have_count(48)
    page.locator("#numbers summary").click()
    expect(page.locator("#numbers table tbody tr")).to_have_count(48)

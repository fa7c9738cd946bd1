"""The live feed in Chromium: rows come, change and go by themselves, and never under the hands of a person."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Membership
from feeds.events import Kind
from feeds.lifecycle import record
from tests import make
from tests.browser.conftest import WIDTHS, Open, check, fill, happen, offline
from webhooks.models import Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Much, because all of the tests may share a small machine.
SECONDS = 30_000


def is_live(page: Page) -> None:
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=SECONDS)


def many(source: Source, count: int) -> None:
    now = timezone.now()
    events = [make.event(Kind.SENT, f"m{n}@example.com", message_id=f"many-{n}", occurred_at=now) for n in range(count)]
    record([make.arrival(source, *events, received_at=now)])


@WIDTHS
def test_new_emails_appear_and_nothing_is_lost_by_it(signed_in: Open, src: Source, width: int) -> None:
    fill(src, 30)
    page = signed_in(width)
    row = page.locator("#rows tr", has_text="p3@example.com")
    row.get_by_role("link").focus()
    page.evaluate("scrollTo(0, 0)")
    row.evaluate("row => (row.same = true)")
    happen(src, Kind.SENT, "fresh@example.com")
    expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com", timeout=SECONDS)
    expect(page.get_by_role("status").filter(has_text="1 new email")).to_be_visible()
    assert row.evaluate("row => row.same && row.contains(document.activeElement)")
    happen(src, Kind.OPENED, "p3@example.com")
    expect(row.locator(".c-status")).to_contain_text("Opened", timeout=SECONDS)
    assert row.evaluate("row => row.same && row.contains(document.activeElement)")
    check(page)


def test_the_page_follows_its_filter(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in(path="?q=status:sent")
    happen(src, Kind.SENT, "one@example.com")
    happen(src, Kind.DELIVERED, "two@example.com")
    expect(page.locator("#rows tr")).to_have_count(1, timeout=SECONDS)
    happen(src, Kind.SENT, "three@example.com", ago=3600)
    # Where it belongs, which is not always the top.
    expect(page.locator("#rows tr").nth(1)).to_contain_text("three@example.com", timeout=SECONDS)
    happen(src, Kind.DELIVERED, "one@example.com")
    expect(page.locator("#rows tr")).to_have_count(1, timeout=SECONDS)
    page.get_by_role("combobox").fill("to:two")
    expect(page.locator("#rows tr")).to_contain_text("two@example.com")
    happen(src, Kind.OPENED, "two@example.com")
    expect(page.locator("#rows tr")).to_contain_text("Opened", timeout=SECONDS)
    happen(src, Kind.SENT, "four@example.com")
    happen(src, Kind.SENT, "two@example.com", argument="x")
    expect(page.locator("#rows tr")).to_have_count(1)


@WIDTHS
def test_pause_holds_the_list_and_resume_catches_up(signed_in: Open, src: Source, width: int) -> None:
    fill(src, 5)
    page = signed_in(width)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-live-state]")).to_have_text("Paused")
    happen(src, Kind.SENT, "fresh@example.com")
    happen(src, Kind.OPENED, "p3@example.com")
    happen(src, Kind.SENT, "other@example.com")
    pill = page.get_by_role("button", name="2 new")
    expect(pill).to_be_visible(timeout=SECONDS)
    expect(page.locator("#rows tr")).to_have_count(6)
    expect(page.locator("#rows")).not_to_contain_text("Opened")
    check(page)
    page.keyboard.press("p")
    expect(page.locator("#rows tr").first).to_contain_text("other@example.com")
    expect(page.locator("#rows tr", has_text="p3@example.com")).to_contain_text("Opened")
    expect(pill).to_be_hidden()
    is_live(page)


@WIDTHS
def test_while_scrolled_away_what_is_new_waits_behind_a_button(signed_in: Open, src: Source, width: int) -> None:
    fill(src, 49)
    page = signed_in(width)
    row = page.locator("#rows tr", has_text="p40@example.com")
    row.scroll_into_view_if_needed()
    place = row.evaluate("row => row.getBoundingClientRect().top")
    happen(src, Kind.SENT, "fresh@example.com")
    happen(src, Kind.OPENED, "p40@example.com")
    pill = page.get_by_role("button", name="1 new")
    expect(pill).to_be_visible(timeout=SECONDS)
    # What is in sight changes, and stays where it is.
    expect(row).to_contain_text("Opened", timeout=SECONDS)
    assert row.evaluate("row => row.getBoundingClientRect().top") == place
    check(page)
    pill.click()
    expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com")
    expect(page.locator("#rows tr").first).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_older_emails_stay_below_and_the_page_stays_live(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    page.get_by_role("link", name="Older emails").click()
    expect(page.locator("#emails tbody tr")).to_have_count(61)
    happen(src, Kind.OPENED, "p55@example.com")
    expect(page.locator("#emails tr", has_text="p55@example.com")).to_contain_text("Opened", timeout=SECONDS)
    page.evaluate("scrollTo(0, 0)")
    happen(src, Kind.SENT, "fresh@example.com")
    expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com", timeout=SECONDS)
    expect(page.locator("#emails tbody tr")).to_have_count(62)


def test_more_than_anybody_can_read_is_offered_afresh(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    many(src, 60)
    button = page.get_by_role("button", name="Many new emails: refresh")
    expect(button).to_be_visible(timeout=SECONDS)
    check(page)
    button.click()
    expect(page.locator("#rows tr")).to_have_count(50)
    expect(button).to_be_hidden()
    happen(src, Kind.SENT, "fresh@example.com")
    expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com", timeout=SECONDS)


def test_a_long_list_ends_where_older_emails_begin(signed_in: Open, src: Source) -> None:
    fill(src)
    page = signed_in()
    for n in range(4):
        now = timezone.now()
        events = [
            make.event(Kind.SENT, f"r{n}-{i}@example.com", message_id=f"{n}-{i}", occurred_at=now) for i in range(45)
        ]
        record([make.arrival(src, *events, received_at=now)])
        expect(page.locator("#rows tr")).to_have_count(min(200, 95 + 45 * n), timeout=SECONDS)
    page.get_by_role("link", name="Older emails").click()
    expect(page.locator("#emails tbody tr")).to_have_count(241)
    assert page.evaluate("new Set([...document.querySelectorAll('#emails tbody tr')].map(row => row.id)).size") == 241


@pytest.mark.parametrize("others", [0, 70])
def test_a_network_that_was_away_leaves_no_gap(signed_in: Open, src: Source, others: int) -> None:
    fill(src, 5)
    page = signed_in()
    is_live(page)
    with offline(page):
        expect(page.get_by_text("Not live: reconnecting")).to_be_visible(timeout=SECONDS)
        happen(src, Kind.SENT, "fresh@example.com")
        happen(src, Kind.OPENED, "p3@example.com")
        many(src, others) if others else None
    if others:
        page.get_by_role("button", name="Many new emails: refresh").click(timeout=SECONDS)
        expect(page.locator("#rows tr")).to_have_count(50)
    else:
        expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com", timeout=SECONDS)
        expect(page.locator("#rows tr", has_text="p3@example.com")).to_contain_text("Opened")
        expect(page.locator("#rows tr")).to_have_count(7)
    is_live(page)


def test_what_answers_in_place_of_the_stream_is_asked_again(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in(path="statuses/")
    refusing = True

    def answer(route: Any) -> None:
        # The only refusal of which the browser itself does not complain.
        route.fulfill(status=204) if refusing and route.request.method == "GET" else route.continue_()

    page.route("**/stream/**", answer)
    page.goto(page.url.replace("statuses/", ""))
    expect(page.get_by_text("Not live: reconnecting")).to_be_visible(timeout=SECONDS)
    happen(src, Kind.SENT, "fresh@example.com")
    refusing = False
    expect(page.locator("#rows tr").first).to_contain_text("fresh@example.com", timeout=SECONDS)
    is_live(page)


def test_who_is_let_in_no_more_is_told(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in()
    is_live(page)
    Membership.objects.all().delete()
    with offline(page):
        expect(page.get_by_text("Not live: reconnecting")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("Not live: sign in again")).to_be_visible(timeout=SECONDS)


@WIDTHS
def test_an_empty_account_fills_by_itself(signed_in: Open, src: Source, width: int) -> None:
    page = signed_in(width)
    expect(page.get_by_role("link", name="Connect a provider")).to_be_visible()
    check(page)
    happen(src, Kind.SENT, "first@example.com")
    expect(page.locator("#rows tr")).to_contain_text("first@example.com", timeout=SECONDS)
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    expect(page.get_by_role("link", name="Connect a provider")).to_be_hidden()

"""Taking emails away, and saved views, as a person does it in Chromium."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Account
from feeds.exports import work
from feeds.exports.models import Export, SavedView, State
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check, fill
from webhooks.models import Source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.EXPORTS_FOLDER = tmp_path / "exports"


def saved(page: Page, name: str) -> bytes:
    """What is saved when the link or button of this name is pressed."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name)).first.click()
    return Path(download.value.path()).read_bytes()


@WIDTHS
def test_columns_are_chosen_and_the_file_holds_them(signed_in: Open, src: Source, width: int) -> None:
    fill(src, 5)
    page = signed_in(width, "download/?q=to:p3@example.com")
    expect(page.get_by_text("to:p3@example.com")).to_be_visible()
    check(page)
    for name in ("time", "bounce", "sender", "comment", "opens", "clicks", "machine_opens", "machine_clicks"):
        page.locator(f"input[name=column][value={name}]").uncheck()
    up = page.get_by_role("button", name="Move up: Recipient")
    up.focus()
    for _step in range(2):
        page.keyboard.press("Enter")
        expect(page.locator("#columns li").nth(3 - _step - 1)).to_contain_text("recipient")
        expect(up).to_be_focused()
    page.get_by_label("For Excel").check()
    assert saved(page, "Download now").startswith(b"\xef\xbb\xbfrecipient,status,subject,")
    page.reload()
    expect(page.get_by_label("For Excel")).to_be_checked()
    expect(page.locator("input[name=column][value=time]")).not_to_be_checked()


@WIDTHS
def test_progress_is_seen_and_the_file_fetched(
    signed_in: Open, src: Source, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 20)
    fill(src, 59)
    page = signed_in(width, "download/?q=-is:test")
    page.get_by_label("Compress it").check()
    page.get_by_role("button", name="Make it in the background").click()
    expect(page.get_by_text("The export was begun.")).to_be_visible()
    expect(page.get_by_text("It begins when a worker is free.")).to_be_visible()
    check(page)
    work.work(0.001)
    expect(page.get_by_text("20 of 60 emails, 33 %")).to_be_visible()
    expect(page.get_by_role("progressbar", name="How far it is")).to_have_attribute("value", "33")
    check(page)
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    work.work(0.001)
    expect(page.get_by_text("40 of 60 emails, 66 %")).to_be_visible()
    expect(cancel).to_be_focused()
    work.work(10)
    expect(page.get_by_text("60 emails,")).to_be_visible()
    check(page)
    assert gzip.decompress(saved(page, "Download livefeeds-")).count(b"\n") == 61
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No exports here")).to_be_visible()
    check(page)


def test_it_can_be_cancelled_meanwhile(signed_in: Open, src: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "STEP", 1)
    fill(src, 5)
    page = signed_in(path="download/")
    page.get_by_role("button", name="Make it in the background").click()
    work.work(0.001)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The export was cancelled.")).to_be_visible()
    assert Export.objects.get().state == State.CANCELLED


def test_none_of_it_needs_scripts(signed_in: Open, src: Source) -> None:
    fill(src, 5)
    page = signed_in(path="download/", java_script_enabled=False)
    page.get_by_role("button", name="Move up: Status", exact=True).click()
    expect(page.locator("#columns li").first).to_contain_text("status")
    assert saved(page, "Download now").startswith(b"status,time,")
    page.get_by_role("button", name="Make it in the background").click()
    work.work(10)
    page.get_by_role("link", name="How far are they?").click()
    assert saved(page, "Download livefeeds-").startswith(b"status,time,")


@WIDTHS
def test_a_view_is_saved_begun_with_scheduled_and_deleted(
    signed_in: Open, src: Source, acme: Account, width: int
) -> None:
    fill(src, 3)
    page = signed_in(width, "views/")
    expect(page.get_by_text("No views yet")).to_be_visible()
    check(page)
    page.goto(f"/a/{acme.slug}/views/new/?q=status:bounced")
    check(page)
    page.get_by_label("Name").fill("Bounces")
    page.get_by_label("Shared with the account").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The view was saved.")).to_be_visible()
    page.get_by_role("button", name="Begin with it").click()
    expect(page.get_by_text("You begin with “Bounces”")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Live Feeds", exact=True).click()
    expect(page).to_have_url(re.compile("q=status%3Abounced"))
    expect(page.locator("#rows tr")).to_have_count(1)

    page.goto(f"/a/{acme.slug}/views/")
    page.get_by_role("link", name="Change").click()
    check(page)
    page.get_by_label("Export it").select_option("Every day")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Every day")).to_be_visible()
    view = SavedView.objects.get()
    assert view.next_at
    assert view.next_at > timezone.now()
    page.locator("summary", has_text="Delete").click()
    check(page)
    page.get_by_role("button", name="Yes, delete Bounces").click()
    expect(page.get_by_text("No views yet")).to_be_visible()


@SCHEMES
def test_every_state_can_be_read(signed_in: Open, src: Source, acme: Account, color_scheme: str) -> None:
    fill(src, 3)
    page = signed_in(path="download/", color_scheme=color_scheme)
    check(page)
    for state in State:
        page.goto(f"/a/{acme.slug}/download/?q=status:delivered")
        page.get_by_role("button", name="Make it in the background").click()
        Export.objects.filter(pk=Export.objects.latest("id").pk).update(
            state=state, emails=4, taken=1, error=work.FAILED_FULL if state == State.FAILED else ""
        )
    page.goto(f"/a/{acme.slug}/exports/")
    for state in State:
        expect(page.locator(".export-state", has_text=str(state.label)).first).to_be_visible()
    check(page)
    SavedView.objects.create(account=acme, name="Old", query="status:lost", is_shared=True)
    page.goto(f"/a/{acme.slug}/views/")
    expect(page.get_by_text("“lost”")).to_be_visible()
    check(page)
    page.goto(f"/a/{acme.slug}/views/{SavedView.objects.get().pk}/")
    check(page)

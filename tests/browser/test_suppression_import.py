"""Importing into the suppression list, as a person does it in Chromium."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from suppression.imports import work
from suppression.imports.models import Import, State
from suppression.models import Reason, Suppression
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

GOOD = "E-Mail;Name;Grund;Date\n" + "".join(f"p{n}@example.com;Person {n};spam;2026-01-02\n" for n in range(59))
BAD = (
    "email,reason,until\nbob@example.com,bounce,\nnobody at all,bounce,\ncarl@example.com,soft-bounce,\n"
    "dora@example.com,spam,soon\n=HYPERLINK(1),spam,\nbob@example.com,bounce,\n"
)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.IMPORTS_FOLDER = tmp_path / "imports"


def upload(page: Page, content: str | bytes, name: str = "list.csv") -> None:
    data = content.encode() if isinstance(content, str) else content
    page.get_by_label("File", exact=True).set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
    page.get_by_role("button", name="Upload and look at it").click()


@WIDTHS
def test_a_good_file_is_looked_at_and_imported(
    signed_in: Open, acme: Account, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 20)
    make.suppression(acme, "p1@example.com", reason=Reason.SPAM)
    page = signed_in(width, "suppressions/import/")
    check(page)
    upload(page, GOOD)
    expect(page.get_by_text("The file has 59 lines:")).to_be_visible()
    expect(page.get_by_text("Manual: 59")).to_be_visible()
    check(page)
    # The name of the column is nothing that is known.
    page.get_by_label("Grund").select_option("Reason")
    page.get_by_role("button", name="Look again").last.click()
    expect(page.get_by_text("Reported as spam: 59")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("It begins when a worker is free.")).to_be_visible()
    check(page)
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    work.work(0.001)
    expect(page.get_by_text("20 lines,")).to_be_visible()
    expect(cancel).to_be_focused()
    check(page)
    work.work(10)
    expect(page.get_by_text("Done", exact=True)).to_be_visible()
    expect(page.locator(".import-counts")).to_contain_text("58")
    check(page)
    assert Suppression.objects.filter(account=acme, reason=Reason.SPAM).count() == 59
    page.get_by_role("link", name="All imports").click()
    expect(page.get_by_text("58 added, 1 on the list already, 0 bad")).to_be_visible()
    check(page)


@WIDTHS
def test_of_a_bad_file_the_bad_lines_come_back(signed_in: Open, width: int) -> None:
    page = signed_in(width, "suppressions/import/")
    upload(page, BAD)
    page.get_by_text("Why lines are bad, with examples").click()
    expect(page.get_by_role("listitem").filter(has_text="“soft-bounce” is no reason that is known.")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Import", exact=True).click()
    work.work(10)
    expect(page.get_by_role("link", name="Download the bad lines")).to_be_visible()
    check(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bad lines").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [row[0] for row in rows] == ["line", "3", "4", "5", "6"]
    assert rows[4][1] == "'=HYPERLINK(1),spam,"


@SCHEMES
def test_every_state_can_be_read(signed_in: Open, acme: Account, color_scheme: str) -> None:
    page = signed_in(path="suppressions/import/", color_scheme=color_scheme)
    upload(page, "1;2\n3;4\n")
    expect(page.get_by_text("No column was found")).to_be_visible()
    check(page)
    job = Import.objects.get()
    for state in State:
        error = work.FAILED_ELSE if state == State.FAILED else ""
        Import.objects.filter(pk=job.pk).update(state=state, error=error, taken=2, bad=1, size=10, place=5)
        page.goto(f"/a/{acme.slug}/suppressions/import/{job.pk}/")
        check(page)
        page.goto(f"/a/{acme.slug}/suppressions/import/")
        expect(page.get_by_text(str(state.label)).first).to_be_visible()
        check(page)


def test_none_of_it_needs_scripts(signed_in: Open, acme: Account) -> None:
    page = signed_in(path="suppressions/import/", java_script_enabled=False)
    upload(page, "bob@example.com\nx\n")
    page.get_by_role("button", name="Import", exact=True).click()
    work.work(10)
    page.get_by_role("link", name="How far is it?").click()
    expect(page.get_by_role("link", name="Download the bad lines")).to_be_visible()
    assert Suppression.objects.filter(account=acme).count() == 1

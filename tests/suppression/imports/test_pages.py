"""Looking at it first, the work in the background, and whose it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role, User
from suppression.imports import orders, staging, work
from suppression.imports.models import Import, State
from suppression.models import Cause, Covers, Reason, Suppression
from tests import make
from tests.suppression.imports.importing import BAD, BOB, Importer, counts, entries, left

pytestmark = pytest.mark.django_db


def test_the_preview_tells_what_would_happen_and_changes_nothing(olga: Importer, acme: Account) -> None:
    make.suppression(acme, "bob@example.com", reason=Reason.HARD_BOUNCE)
    answer = olga.client.get(olga.url("suppression-import", olga.uploaded(BAD).pk))
    found = answer.context["preview"]
    assert (found.looked_at, found.new, found.known, found.bad) == (12, 2, 1, 9)
    assert "“nobody” is neither an address nor a domain." in answer.content.decode()
    assert Suppression.objects.count() == 1


def test_columns_and_all_else_can_be_changed(olga: Importer, acme: Account) -> None:
    job = olga.uploaded("x@example.com;bob@example.com;why not\ny@example.com;anna@example.com;so\n")
    assert olga.settings_of(job)["column_0"] == "target"
    olga.change(job, column_0="", column_1="target", column_2="note", reason=Reason.SPAM, until="2090-01-02")
    assert "anna@example.com" in olga.page(job)
    olga.change(job, begin="1")
    work.work(60)
    assert entries(acme) == {("bob@example.com", Reason.SPAM), ("anna@example.com", Reason.SPAM)}
    assert {cause.note for cause in Cause.objects.all()} == {"why not", "so"}
    assert {one.until and one.until.year for one in Suppression.objects.all()} == {2090}


def test_a_meaning_is_given_to_one_column(olga: Importer) -> None:
    job = olga.uploaded("x@example.com;bob@example.com\n")
    answer = olga.change(job, column_0="target", column_1="target", begin="1")
    assert answer.status_code == 422
    assert "is chosen for two columns" in answer.content.decode()
    assert Import.objects.get().state == State.UPLOADED


def test_a_day_that_is_over_is_refused(olga: Importer) -> None:
    answer = olga.change(olga.uploaded("bob@example.com\n"), until="2001-01-01", begin="1")
    assert answer.status_code == 422
    assert "This day is over." in answer.content.decode()


def test_domains_are_taken_only_when_somebody_says_so(olga: Importer, acme: Account) -> None:
    content = "bob@example.com\nanna@example.com\nexample.net\nbounce-*@example.org\n"
    assert counts(olga.run(content)) == (2, 0, 0, 2)
    job = olga.uploaded(content)
    olga.change(job, takes_domains="on")
    assert "cover whole domains or more" in olga.page(job)
    olga.change(job, begin="1")
    work.work(60)
    kinds = {one.covers for one in Suppression.objects.filter(account=acme)}
    assert kinds == {Covers.ADDRESS, Covers.DOMAIN, Covers.PATTERN}


def test_patterns_have_a_limit(olga: Importer, acme: Account) -> None:
    job = olga.run("".join(f"news-{n}-*@example.com\n" for n in range(120)), takes_domains="on")
    assert counts(job) == (100, 0, 0, 20)
    assert "The list has 100 patterns" in olga.report(job)[1][2]


def test_it_goes_on_in_steps_and_says_how_far(olga: Importer, acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "STEP", 10)
    job = olga.uploaded("".join(f"p{n}@example.com\n" for n in range(25)))
    olga.change(job, begin="1")
    assert "It begins when a worker is free." in olga.page(job)
    url = olga.url("suppression-import-progress", job.pk)
    work.work(0.001)
    part = olga.client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "10 lines," in part
    assert 'hx-trigger="every 2s"' in part
    assert olga.client.get(url).status_code == 302
    assert Suppression.objects.filter(account=acme).count() == 10
    work.work(60)
    part = olga.client.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part
    job.refresh_from_db()
    assert (job.state, counts(job)) == (State.DONE, (25, 0, 0, 0))


def test_cancelled_it_stops_and_keeps_what_is_there(
    olga: Importer, acme: Account, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 10)
    job = olga.uploaded("".join(f"p{n}@example.com\n" for n in range(25)))
    olga.change(job, begin="1")
    work.work(0.001)
    olga.client.post(olga.url("suppression-import-cancel", job.pk))
    assert not work.work(60)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert Suppression.objects.filter(account=acme).count() == 10
    assert not list(folder.iterdir())
    assert "It was cancelled." in olga.page(job)


@pytest.mark.django_db(transaction=True)
def test_cancelled_in_the_middle_of_a_step_nothing_of_the_step_stays(
    olga: Importer, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = olga.uploaded("bob@example.com\nx\n")
    olga.change(job, begin="1")
    put = staging.put

    def cancel() -> None:
        olga.client.post(olga.url("suppression-import-cancel", job.pk))
        connection.close()

    def cancelled(*args: Any) -> Any:
        with ThreadPoolExecutor(1) as other:
            other.submit(cancel).result()
        return put(*args)

    monkeypatch.setattr(staging, "put", cancelled)
    work.work(60)
    job.refresh_from_db()
    assert (job.state, counts(job)) == (State.CANCELLED, (0, 0, 0, 0))
    assert entries(acme) == set()


def test_a_file_that_is_gone_is_told(olga: Importer, folder: Path) -> None:
    job = olga.uploaded("bob@example.com\n")
    olga.change(job, begin="1")
    for path in folder.iterdir():
        path.unlink()
    work.work(60)
    assert "The file is gone." in olga.page(job)


def test_begun_twice_it_is_done_once(olga: Importer, acme: Account) -> None:
    job = olga.uploaded("bob@example.com\n")
    sent = olga.settings_of(job) | {"begin": "1"}
    for _time in range(2):
        olga.client.post(olga.url("suppression-import", job.pk), sent)
        work.work(60)
    assert Cause.objects.count() == 1


def test_the_audit_log_tells_who_imported_what(olga: Importer, acme: Account) -> None:
    olga.run("bob@example.com\nx\n", "old list.csv")
    page = olga.client.get(reverse("audit", args=[acme.slug])).content.decode()
    assert "began to import “old list.csv” into the suppression list" in page
    assert "imported “old list.csv” into the suppression list" in page
    assert AuditEntry.objects.latest("id").details == {"added": 1, "known": 0, "repeated": 0, "bad": 1}


def test_files_and_reports_go_when_their_time_is_over(olga: Importer, folder: Path, settings: Any) -> None:
    settings.IMPORTS_KEPT_DAYS = 30
    done = olga.run("bob@example.com\nx\n")
    waiting = olga.uploaded("bob@example.com\n")
    assert len(list(folder.iterdir())) == 2
    orders.clear_up(waiting.created_at)
    assert len(list(folder.iterdir())) == 2
    assert waiting.expires_at
    assert done.expires_at
    orders.clear_up(waiting.expires_at)
    assert [path.suffix for path in folder.iterdir()] == [".report"]
    assert list(Import.objects.all()) == [done]
    orders.clear_up(done.expires_at)
    assert not list(folder.iterdir())
    done.refresh_from_db()
    assert "Download the bad lines" not in olga.page(done)
    assert olga.client.get(olga.url("suppression-import-report", done.pk)).status_code == 404


# ---- Whose it is -------------------------------------------------------------------------------------------

PAGES = (
    ("suppression-import", False), ("suppression-import", True), ("suppression-import-progress", False),
    ("suppression-import-cancel", True), ("suppression-import-discard", True), ("suppression-import-report", False),
)  # fmt: skip


@pytest.mark.parametrize(("name", "post"), PAGES)
def test_an_import_of_another_list_is_not_reached(olga: Importer, name: str, post: bool) -> None:
    other = make.account("Other")
    theirs = Importer(other, make.member(other, role=Role.ADMIN)).run("bob@example.com\nx\n")
    root = Importer(None, User.objects.create_superuser("root", password="x"))
    installations = root.run("bob@example.com\nx\n")
    for job, asks in ((theirs, olga), (installations, olga), (theirs, root)):
        url = asks.url(name, job.pk)
        assert (asks.client.post(url) if post else asks.client.get(url)).status_code == 404


def test_only_administrators_import(acme: Account) -> None:
    vic = Importer(acme, make.member(acme, "vic", Role.MEMBER))
    assert vic.upload("bob@example.com\n").status_code == 403
    assert Importer(None, User.objects.get(username="vic")).upload("bob@example.com\n").status_code == 403
    assert not Import.objects.exists()


def test_the_installations_list_is_imported_by_who_runs_it(acme: Account) -> None:
    root = Importer(None, User.objects.create_superuser("root", password="x"))
    job = root.run("bob@example.com\n")
    assert (job.account, counts(job)) == (None, (1, 0, 0, 0))
    assert entries(None) == {BOB}
    assert entries(acme) == set()


def test_without_its_token_a_file_is_not_taken(acme: Account, folder: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make.member(acme, "olga", Role.ADMIN))
    url = reverse("suppression-imports", args=[acme.slug])
    assert client.post(url, {"file": SimpleUploadedFile("a.csv", b"bob@example.com")}).status_code == 403
    assert not left(folder)
    client.get(url)
    token = client.cookies["csrftoken"].value
    sent = {"csrfmiddlewaretoken": token, "file": SimpleUploadedFile("a.csv", b"bob@example.com")}
    assert client.post(url, sent).status_code == 302


def test_nobodys_place_is_taken_for_ever(olga: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST_UPLOADED", 1)
    first = olga.uploaded("bob@example.com\n")
    answer = olga.upload("anna@example.com\n")
    assert answer.status_code == 422
    assert "wait to be imported" in answer.content.decode()
    olga.client.post(olga.url("suppression-import-discard", first.pk))
    assert olga.upload("anna@example.com\n").status_code == 302

"""Lines and files of which nothing can be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Account
from suppression.imports import reports, work
from suppression.imports.models import Import, State
from suppression.models import Reason
from tests.suppression.imports.importing import ANNA, BAD, BOB, Importer, counts, entries, left

pytestmark = pytest.mark.django_db


def test_bad_lines_are_told_with_number_text_and_reason(olga: Importer, acme: Account) -> None:
    job = olga.run(BAD)
    assert entries(acme) == {
        ("bob@example.com", Reason.HARD_BOUNCE), ("gina@example.com", Reason.SPAM), ("ida@example.com", Reason.SPAM),
    }  # fmt: skip
    names, *rows = olga.report(job)
    assert names == ["line", "text", "reason"]
    assert [int(number) for number, _text, _reason in rows] == [3, 4, 5, 6, 7, 8, 9, 10, 12]
    reasons = {int(number): reason for number, _text, reason in rows}
    assert reasons[3] == "“nobody” is neither an address nor a domain."
    assert reasons[4] == "There is no address."
    assert rows[2][1] == "'=cmd()@@x,bounce,"
    assert reasons[6] == "“soft-bounce” is no reason that is known."
    assert reasons[7] == "The time until which it holds is over already."
    assert reasons[8] == "“soon” is no date that can be read."
    assert "no single address" in reasons[9]
    assert reasons[10] == "A quotation mark is opened and never closed."
    assert counts(job) == (3, 0, 0, 9)


def test_the_report_is_bounded_and_says_so(olga: Importer, acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "STEP", 7)
    monkeypatch.setattr(reports, "MOST", 10)
    job = olga.run("bob@example.com\n" + "anna@example.com\n" * 20 + "".join(f"bad {n}\n" for n in range(40)))
    assert counts(job) == (2, 0, 19, 40)
    assert len(olga.report(job)) == 11
    assert "The report tells of the first 10 bad lines." in olga.page(job)


HOSTILE = {
    "one line of a hundred megabytes": b"bob@example.com\n" + b"x" * 100_000_000 + b"\nanna@example.com\n",
    "a million columns": b"bob@example.com\n" + b"a," * 1_000_000 + b"\nanna@example.com\n",
    "quotation marks without end": b"bob@example.com\nanna@example.com\n" + b'"\n"a""\n' * 3000,
    "returns in the middle": b"bob@example.com\nx\ry\nanna@example.com\n",
    "noise": b"bob@example.com\n" + bytes(range(1, 256)) * 1000 + b"\nanna@example.com\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_no_csv_holds_is_left_out_and_the_rest_is_read(olga: Importer, acme: Account, kind: str) -> None:
    job = olga.run(HOSTILE[kind])
    assert job.state == State.DONE
    assert entries(acme) == {BOB, ANNA}
    assert job.bad > 0
    assert all(len(text) <= 301 for _number, text, _reason in olga.report(job))


REFUSED = {
    "nothing": (b"", "The file is empty."),
    "a mark alone": (b"\xef\xbb\xbf", "The file is empty."),
    "a zip or an Excel workbook": (b"PK\x03\x04" + b"\0" * 1000, "Excel workbook"),
    "gzip": (b"\x1f\x8b\x08\x00" + b"x" * 1000, "an archive"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 1000, "This is no text file."),
    "UTF-16 without a mark": ("bob@example.com".encode("utf-16-le"), "This is no text file."),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_text_is_refused_with_a_sentence(olga: Importer, folder: Path, kind: str) -> None:
    content, sentence = REFUSED[kind]
    answer = olga.upload(content)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Import.objects.exists()
    assert not left(folder)


def test_without_a_file_it_is_asked_for_one(olga: Importer) -> None:
    answer = olga.client.post(olga.url("suppression-imports"), {})
    assert answer.status_code == 422
    assert "Choose a file first." in answer.content.decode()


def test_a_file_that_is_too_large_is_refused_and_not_kept(olga: Importer, folder: Path, settings: Any) -> None:
    for most in (10_000, 150_000):  # by what the request says, and by what comes
        settings.IMPORT_MOST_BYTES = most
        answer = olga.upload(b"bob@example.com\n" * 10_000)
        assert answer.status_code == 422
        assert "The file is too large" in answer.content.decode()
    assert not left(folder)


def test_only_names_of_columns_are_no_import(olga: Importer) -> None:
    job = olga.uploaded("email,reason\n")
    page = olga.page(job)
    assert "There are no lines in this file" in page
    assert 'name="begin"' not in page


def test_a_file_without_addresses_is_not_begun(olga: Importer) -> None:
    job = olga.uploaded("a;b\n1;2\n")
    assert "No column was found" in olga.page(job)
    olga.change(job, begin="1")
    job.refresh_from_db()
    assert job.state == State.UPLOADED

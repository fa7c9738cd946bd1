from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from accounts.access import Access, enter
from feeds import export
from feeds.events import Kind
from feeds.lifecycle import record
from feeds.query import Filter
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    return make.source(make.account(time_zone="Asia/Kolkata"))


@pytest.fixture
def access(source: Source) -> Access:
    return enter(make.member(source.account), source.account.slug)


def lines(access: Access, wanted: Filter | None = None) -> list[dict[str, str]]:
    text = b"".join(export.csv(access, wanted or Filter(), NOON + timedelta(hours=1))).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_rows_are_those_of_the_filter_newest_first_in_the_accounts_time(source: Source, access: Access) -> None:
    record([make.arrival(source, make.event(subject='Größe, "x"\nnew', comment="250 OK"))])
    record([make.arrival(source, make.event(Kind.OPENED, "ann@example.com", occurred_at=NOON + timedelta(minutes=1)))])
    record([make.arrival(make.source(make.account()), make.event())])
    ann, bob = lines(access)
    assert (ann["recipient"], ann["status"], ann["opens"]) == ("ann@example.com", "opened", "1")
    assert (bob["time"], bob["subject"], bob["comment"]) == ("2026-03-10 17:30:00+05:30", 'Größe, "x"\nnew', "250 OK")
    assert [row["recipient"] for row in lines(access, Filter.parse("bob"))] == ["bob@example.com"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(source: Source, access: Access, first: str) -> None:
    bad = f"{first}cmd|' /C calc'!A0"
    told = make.event(recipient=bad, sender=bad, subject=bad, comment=bad, argument=bad, message_id=bad)
    record([make.arrival(source, told)])
    (row,) = lines(access)
    for name in ("sender", "subject", "comment", "argument", "message_id"):
        assert row[name].lower() == f"'{bad}".lower()
    assert row["recipient"][0] not in "=+-@\t\r\n"


def test_a_quote_in_the_filter_is_only_a_letter(source: Source, access: Access) -> None:
    record([make.arrival(source, make.event(recipient="o'brien%s@example.com"))])
    assert [row["recipient"] for row in lines(access, Filter.parse("o'brien%s"))] == ["o'brien%s@example.com"]


def test_nothing_found_is_a_file_with_its_names(access: Access) -> None:
    text = b"".join(export.csv(access, Filter(), NOON)).decode()
    assert text.startswith("time,status,")
    assert text.count("\n") == 1

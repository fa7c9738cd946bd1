from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime, timedelta

import pytest

from accounts import streaming
from accounts.access import Access, enter
from feeds import export
from feeds.columns import BY_NAME, NETCORE
from feeds.events import Bounce, Kind
from feeds.layouts import Format, Layout
from feeds.lifecycle import record
from feeds.models import Email
from feeds.query import Filter
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
STANDARD = Layout()
NETCORE_NAMES = [name for name, _made, _text in NETCORE]


@pytest.fixture
def source() -> Source:
    return make.source(make.account(time_zone="Asia/Kolkata"))


@pytest.fixture
def access(source: Source) -> Access:
    return enter(make.member(source.account), source.account.slug)


def lines(access: Access, wanted: Filter | None = None, layout: Layout = STANDARD) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file(access, wanted or Filter(), layout).decode(), newline="")))


def file(access: Access, wanted: Filter, layout: Layout = STANDARD) -> bytes:
    download = export.Download.of(access.account, wanted, layout, NOON + timedelta(hours=1))
    return b"".join(streaming.pieces(download.file))


def test_the_rows_are_those_of_the_filter_newest_first_in_the_accounts_time(source: Source, access: Access) -> None:
    record([make.arrival(source, make.event(subject='Größe, "x"\nnew', comment="250 OK"))])
    record([make.arrival(source, make.event(Kind.OPENED, "ann@example.com", occurred_at=NOON + timedelta(minutes=1)))])
    record([make.arrival(make.source(make.account()), make.event())])
    ann, bob = lines(access)
    assert (ann["recipient"], ann["status"], ann["opens"]) == ("ann@example.com", "opened", "1")
    assert (bob["time"], bob["subject"], bob["comment"]) == ("2026-03-10 17:30:00+05:30", 'Größe, "x"\nnew', "250 OK")
    assert [row["recipient"] for row in lines(access, Filter.parse("bob"))] == ["bob@example.com"]


FIRST = pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n"])


def tell_formulas(source: Source, first: str) -> str:
    """One email, opened and clicked, all of whose texts begin so; returns the text."""
    bad = f"{first}cmd|' /C calc'!A0"
    texts = {"sender": bad, "subject": bad, "comment": bad, "argument": bad, "code": bad, "tags": [bad]}
    told = [
        make.event(kind, bad, message_id=bad, url=bad, ip=bad, **texts)
        for kind in (Kind.DELIVERED, Kind.OPENED, Kind.CLICKED)
    ]
    record([make.arrival(source, *told)])
    return bad


@FIRST
def test_no_cell_is_a_formula(source: Source, access: Access, first: str) -> None:
    bad = tell_formulas(source, first)
    (row,) = lines(access, layout=Layout(columns=tuple(BY_NAME)))
    for name in ("sender", "subject", "comment", "argument", "message_id", "tags"):
        assert row[name].lower() == f"'{bad}".lower()
    assert not [name for name, cell in row.items() if cell[:1] in tuple("=+-@\t\r\n")]


@FIRST
def test_no_cell_of_the_providers_columns_is_a_formula(source: Source, access: Access, first: str) -> None:
    bad = tell_formulas(source, first)
    rows = lines(access, layout=Layout(is_netcore=True))
    assert len(rows) == 3
    assert {row["ClickLink"].lower() for row in rows} == {"", f"'{bad}".lower()}
    assert not [cell for row in rows for cell in row.values() if cell[:1] in tuple("=+-@\t\r\n")]


def test_json_lines_hold_every_text_as_it_is(source: Source, access: Access) -> None:
    odd = "=1+1 \\ \" \x01\x02 ü\u2028\n\t,;'"
    record([make.arrival(source, make.event(subject=odd, tags=["b,c", "=a"], comment=odd))])
    text = file(access, Filter(), Layout(Format.NDJSON, tuple(BY_NAME))).decode()
    assert text.endswith("\n")
    (line,) = text[:-1].split("\n")
    found = json.loads(line)
    email = Email.objects.get()
    assert list(found) == list(BY_NAME)
    assert (found["subject"], found["comment"]) == (email.subject, email.comment)
    assert found["subject"].count("\x01") == odd.count("\x01")
    assert sorted(found["tags"]) == ["=a", "b,c"]
    assert (found["id"], found["opens"], found["test"]) == (str(email.id), 0, False)
    assert datetime.fromisoformat(found["time"]) == NOON
    assert found["time"].endswith("+05:30")
    assert found["clicked_at"] is None


def test_the_columns_stand_in_the_order_asked_for(source: Source, access: Access) -> None:
    record([make.arrival(source, make.event())])
    assert file(access, Filter(), Layout(columns=("opens", "recipient", "test"))).decode() == (
        "opens,recipient,test\n0,bob@example.com,false\n"
    )
    assert file(access, Filter(), Layout(Format.NDJSON, ("opens", "id", "recipient"))).decode() == (
        f'{{"opens":0,"id":"{Email.objects.get().id}","recipient":"bob@example.com"}}\n'
    )


def test_the_providers_columns_have_a_line_for_each_open_and_click_of_a_person(source: Source, access: Access) -> None:
    late = NOON + timedelta(minutes=5)
    told = [
        make.event(Kind.DELIVERED, subject="Hello", tags=["a", "b"], argument="x1", comment="250 OK"),
        make.event(Kind.CLICKED, url="https://acme.test/", ip="192.0.2.2", occurred_at=late),
        make.event(Kind.OPENED, ip="192.0.2.1", occurred_at=NOON + timedelta(minutes=1)),
        make.event(Kind.MACHINE_OPENED, ip="192.0.2.9"),
        make.event(
            Kind.BOUNCED, "ann@example.com", bounce=Bounce.SOFT, message_id="m2", occurred_at=NOON - timedelta(1)
        ),
    ]
    record([make.arrival(source, *told)])
    bob, opened, clicked, ann = lines(access, layout=Layout(is_netcore=True))
    assert list(bob) == NETCORE_NAMES
    assert (bob["status"], ann["status"]) == ("click", "softbounce")
    assert bob["OpenIP"] == bob["ClickIP"] == bob["size"] == ""
    assert (opened["OpenIP"], opened["Opentime"], opened["ClickIP"]) == ("192.0.2.1", "2026-03-10 17:31:00+05:30", "")
    assert (clicked["ClickIP"], clicked["ClickLink"], clicked["OpenIP"]) == ("192.0.2.2", "https://acme.test/", "")
    same = ("TransId", "rcptEmail", "deliveryTime", "subject", "xapiheader", "tags", "Remarks")
    assert [bob[name] for name in same] == [clicked[name] for name in same]
    assert [bob[name] for name in same] == [
        "m1", "bob@example.com", "2026-03-10 17:30:00+05:30", "Hello", "x1", "a,b", "250 OK"
    ]  # fmt: skip


def test_a_byte_order_mark_begins_csv_alone_and_only_where_wanted(access: Access) -> None:
    assert file(access, Filter(), Layout(bom=True)).startswith(b"\xef\xbb\xbftime,")
    assert file(access, Filter(), Layout(Format.NDJSON, bom=True)) == b""


@pytest.mark.parametrize("kind", list(Format))
def test_compressed_it_is_the_same_file(source: Source, access: Access, kind: Format) -> None:
    record([make.arrival(source, *(make.event(recipient=f"p{n}@example.com") for n in range(50)))])
    plain = file(access, Filter(), Layout(kind))
    packed = file(access, Filter(), Layout(kind, gzip=True))
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain)


def test_a_quote_in_the_filter_is_only_a_letter(source: Source, access: Access) -> None:
    record([make.arrival(source, make.event(recipient="o'brien%s@example.com"))])
    assert [row["recipient"] for row in lines(access, Filter.parse("o'brien%s"))] == ["o'brien%s@example.com"]


def test_nothing_found_is_a_file_with_its_names(access: Access) -> None:
    text = file(access, Filter()).decode()
    assert text.startswith("time,status,")
    assert text.count("\n") == 1

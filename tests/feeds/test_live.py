"""The log of changes: what a cursor is told, whatever the order in which transactions commit."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account
from feeds import live
from feeds.lifecycle import record
from feeds.live import Cursor
from feeds.models import Email
from tests import make
from webhooks.models import Source

NUMBERS = itertools.count()
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


def happen(source: Source, name: str) -> int:
    """Something happens to the email of this name; returns its id."""
    record([make.arrival(source, make.event(recipient=f"{name}@{name}.test", message_id=name))])
    return Email.objects.get(account_id=source.account_id, message_id=name).id


class Reader:
    """Somebody who looks again and again, as the hub does."""

    def __init__(self, *accounts: Account) -> None:
        self.accounts = {account.id for account in accounts}
        self.cursor = live.cursor_now()

    def look(self, most: int = 1000) -> list[int]:
        with live.one_moment() as now:
            found = live.changes([self.cursor], self.accounts, most)
        self.cursor = now
        return [email_id for change in found for email_id in change.emails or ()]


class Writer(threading.Thread):
    """A transaction of another connection, which ends when it is told to. Its account is its own: two that write of
    the same time and account wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.title = f"w{next(NUMBERS)}"
        self.account = make.account(self.title)
        self.source = make.source(self.account)
        self.wrote, self.may_end = threading.Event(), threading.Event()

    def begin(self) -> None:
        self.start()
        assert self.wrote.wait(10)

    def run(self) -> None:
        try:
            with transaction.atomic():
                happen(self.source, self.title)
                self.wrote.set()
                assert self.may_end.wait(10)
        finally:
            connection.close()

    def end(self) -> int:
        self.may_end.set()
        self.join()
        return Email.objects.get(message_id=self.title).id


def test_each_change_is_told_once(acme: Account, src: Source) -> None:
    reader = Reader(acme)
    assert reader.look() == []
    first = happen(src, "a")
    assert reader.look() == [first]
    assert reader.look() == []
    second = happen(src, "b")
    happen(make.source(make.account("Other")), "c")
    assert reader.look() == [second]


def test_of_two_that_overlap_the_older_may_commit_later() -> None:
    older, younger = Writer(), Writer()
    reader = Reader(older.account, younger.account)
    older.begin()
    younger.begin()
    assert reader.look() == []
    last = younger.end()
    assert reader.look() == [last]
    assert reader.look() == []
    first = older.end()
    assert reader.look() == [first]
    assert reader.look() == []


@settings(max_examples=12)
@given(steps=st.lists(st.sampled_from(["begin", "end first", "end last", "look"]), max_size=16))
def test_nothing_is_missed_or_told_twice_in_any_order(steps: list[str]) -> None:
    idle = [Writer() for step in steps if step == "begin"]
    reader = Reader(*(writer.account for writer in idle))
    at_work: list[Writer] = []
    written: list[int] = []
    told: list[int] = []
    try:
        for step in steps:
            if step == "begin":
                at_work.append(idle.pop())
                at_work[-1].begin()
            elif step == "look":
                told += reader.look()
                assert sorted(told) == sorted(written)
            elif at_work:
                written.append(at_work.pop(0 if step == "end first" else -1).end())
    finally:
        written += [writer.end() for writer in at_work]
    told += reader.look()
    assert sorted(told) == sorted(written)


def test_too_many_are_not_told_one_by_one_but_the_latest_are(acme: Account, src: Source) -> None:
    reader = Reader(acme)
    for n in range(4):
        happen(src, str(n))
    last = happen(src, "last")
    found = live.changes([reader.cursor], [acme.id], 2)
    assert len(found) == 5
    known = [change for change in found if change.emails is not None]
    assert len(known) == 2
    assert [last] in [change.emails for change in known]


def test_a_cursor_survives_being_written_down(src: Source) -> None:
    writer = Writer()
    writer.begin()
    happen(src, "younger")
    cursor = live.cursor_now()
    written = writer.end()
    assert cursor.others
    assert Cursor.parse(str(cursor)) == cursor
    assert [change.emails for change in live.changes([cursor], [writer.account.id], 10)] == [[written]]


@pytest.mark.parametrize(
    "text", ["", "1", "1-2:3", "-1:1:", "1-1:1:2,", "1-٣:1:", "1-1:1:\n", "9" * 20 + "-1:1:", "x" * 99_999]
)
def test_what_is_no_cursor_is_not_taken_for_one(text: str) -> None:
    assert Cursor.parse(text) is None


def test_old_changes_are_forgotten_and_cursors_of_that_time_are_lost(acme: Account, src: Source) -> None:
    live.forget(timezone.now() + 2 * live.KEPT)
    before = live.cursor_now()
    happen(src, "a")
    assert live.forget(timezone.now()) == 0
    assert live.forget(timezone.now() + live.KEPT) == 1
    now = live.cursor_now()
    assert not before.is_lost(now)
    ahead = (live.KEPT - live.LONGEST_TRANSACTION + timedelta(seconds=1)) // timedelta(milliseconds=1)
    assert before.is_lost(Cursor(now.at + ahead, now.low, now.high, now.others))


def test_a_cursor_of_another_database_is_lost() -> None:
    now = live.cursor_now()
    assert Cursor(now.at, now.high + 1000, now.high + 1000, frozenset()).is_lost(now)
    assert Cursor(now.at, now.high, now.low - 1, frozenset()).is_lost(now)


def test_a_cursor_holds_what_its_snapshot_does() -> None:
    cursor = Cursor.parse("1-10:15:10,13")
    assert cursor
    assert [xid for xid in range(8, 18) if cursor.has(xid)] == [8, 9, 11, 12, 14]

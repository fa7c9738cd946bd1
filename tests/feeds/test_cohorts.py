"""What is kept beside the emails as they are written: exact counts, tags, reasons, repeats, the log of changes."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.cohorts import MEASURES, QUARTER, STATUSES, Dimension, counts
from feeds.events import Event, Kind
from feeds.lifecycle import record
from feeds.models import Email, ReasonText, Repeat, Tag
from tests import make
from tests.feeds.test_lifecycle import stories
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Source:
    return make.source(make.account(time_zone="Asia/Kathmandu"))


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


QUARTERS = MEASURES | STATUSES
RECOUNTED = f"select {QUARTER} as starts_at, {counts(QUARTERS)} from feeds_email where account_id = %s group by 1"
RECOUNTED_DAYS = f"""
    select (feeds_time(e.id) at time zone 'Asia/Kathmandu')::date, d.dimension, d.value, {counts(MEASURES)}
    from feeds_email e join feeds_address r on r.id = e.recipient_id
    cross join lateral (values ({Dimension.SENDER}, coalesce(e.sender_id, 0)), ({Dimension.DOMAIN}, r.domain_id),
        ({Dimension.REASON}, e.reason_id)) d (dimension, value)
    where e.account_id = %s and d.value is not null group by 1, 2, 3
"""


def kept_by(key: str, table: str, columns: dict[str, str]) -> str:
    """The rows of an account that count anything; those that do no more do not matter."""
    names, nothing = ", ".join(columns), ", ".join("0" for _ in columns)
    return f"select {key}, {names} from {table} where account_id = %s and ({names}) is distinct from ({nothing})"


@settings(max_examples=60)
@given(story=stories, seed=st.integers(0, 2**32))
def test_the_counts_are_what_a_recount_finds(story: list[Event], seed: int) -> None:
    chance = random.Random(seed)
    source = make.source(make.account(time_zone="Asia/Kathmandu"))
    told = story + chance.choices(story, k=5)
    chance.shuffle(told)
    while told:
        size = chance.randint(1, len(told))
        record([make.arrival(source, event) for event in told[:size]])
        told = told[size:]
    account = source.account_id
    kept = rows(kept_by("starts_at", "feeds_cohort", QUARTERS), account)
    days = rows(kept_by("day, dimension, value", "feeds_day", MEASURES), account)
    assert sorted(kept) == sorted(rows(RECOUNTED, account))
    assert sorted(days) == sorted(rows(RECOUNTED_DAYS, account))


def test_a_sender_told_later_takes_its_emails_along(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.OPENED))])
    record([make.arrival(source, make.event(Kind.DELIVERED, sender="shop@acme.test"))])
    sender = Email.objects.get().sender_id
    kept = rows("select value, emails, delivered, opened from feeds_day where dimension = 1 order by value")
    assert kept == [(0, 0, 0, 0), (sender, 1, 1, 1)]


def test_tags_lead_to_their_emails(source: Source) -> None:
    record([make.arrival(source, make.event(tags=["autumn", "receipt"]), make.event(message_id="m2", tags=["autumn"]))])
    record([make.arrival(source, make.event(Kind.OPENED, message_id="m2", tags=["late"]))])
    found = rows("select t.name, e.message_id from feeds_tagged g join feeds_tag t on t.id = g.tag_id"
                 " join feeds_email e on e.id = g.email_id order by 1, 2")  # fmt: skip
    assert found == [("autumn", "m1"), ("autumn", "m2"), ("late", "m2"), ("receipt", "m1")]
    assert Tag.objects.count() == 3


GMAIL = """550-5.1.1 The email account that you tried to reach does not exist.
550 5.1.1 https://support.google.com/mail/?p=NoSuchUser j6-20020a170902da8600b001bb8895e8cfsi1234567plx.89 - gsmtp"""
REASONS = [
    ("550 5.1.1 <bob@example.com>: Recipient address rejected", "550 5.1.1 <address>: Recipient address rejected"),
    (GMAIL, "550-5.1.1 The email account that you tried to reach does not exist. 550 5.1.1 <link> <id> - gsmtp"),
    ("421 4.7.0 [192.0.2.7] mx-7.example.com busy 20260331", "421 4.7.0 [<ip>] <host> busy <number>"),
]


@pytest.mark.parametrize(("said", "reason"), REASONS)
def test_replies_that_differ_only_in_names_are_one_reason(source: Source, said: str, reason: str) -> None:
    record([make.arrival(source, make.event(Kind.BOUNCED, comment=said))])
    assert ReasonText.objects.get().text == reason
    assert Email.objects.get().reason_id == ReasonText.objects.get().id


def test_an_email_that_arrived_has_no_reason(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.DEFERRED, comment="452 4.2.2 mailbox full"))])
    assert Email.objects.get().reason_id
    later = make.event(Kind.DELIVERED, comment="250 OK", occurred_at=NOON + timedelta(hours=1))
    record([make.arrival(source, later, received_at=NOON + timedelta(hours=3))])
    assert (Email.objects.get().reason_id, Email.objects.get().is_late) == (None, True)


def test_what_another_request_told_again_is_noted_once(source: Source) -> None:
    opened = make.event(Kind.OPENED)
    record([make.arrival(source, opened, inbox_id=1), make.arrival(source, opened, inbox_id=2)])
    for inbox_id in (3, 1, 3):
        record([make.arrival(source, opened, inbox_id=inbox_id)])
    record([make.arrival(source, opened, inbox_id=2), make.arrival(source, opened, inbox_id=1)])
    assert sorted(Repeat.objects.values_list("inbox_id", flat=True)) == [2, 3]
    assert Email.objects.get().opens == 1


def test_the_log_names_the_emails_a_transaction_wrote(source: Source) -> None:
    record([make.arrival(source, make.event(), make.event(message_id="m2"))])
    ids = sorted(Email.objects.values_list("id", flat=True))
    assert rows("select account_id, emails from feeds_change") == [(source.account_id, ids)]
    record([make.arrival(source, make.event())])
    assert len(rows("select from feeds_change")) == 1

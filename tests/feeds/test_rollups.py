"""Counting again: after a change of the time zone, after a restore, and in doubt."""

from __future__ import annotations

import random
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account
from feeds import rollups
from feeds.cohorts import MEASURES
from feeds.events import Event, Kind
from feeds.lifecycle import record
from feeds.tasks import follow_zones
from tests import make
from tests.feeds.test_lifecycle import stories
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(days=2)
DAYS = "select day::text, dimension, value, emails, opened from feeds_day where emails > 0 order by 1, 2, 3"


@pytest.fixture
def source() -> Source:
    return make.source(make.account(time_zone="America/Sao_Paulo", retention_days=3650))


def rows(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def happen(source: Source, *kinds: Kind, message_id: str = "m1", at: Any = NOON, **fields: Any) -> None:
    told = [make.event(kind, message_id=message_id, occurred_at=at, **fields) for kind in kinds]
    record([make.arrival(source, *told, received_at=at)])


def move(account: Account, zone: str) -> None:
    Account.objects.filter(id=account.id).update(time_zone=zone)


# ---- Another time zone ------------------------------------------------------------------------------------


def test_days_are_counted_again_in_the_zone_an_account_moves_to(source: Source) -> None:
    night = NOON.replace(hour=2)
    happen(source, Kind.DELIVERED, Kind.OPENED, at=night, sender="shop@acme.test", comment="250 OK")
    happen(source, Kind.BOUNCED, at=NOON, message_id="m2", comment="550 5.1.1 No such user")
    assert {day for day, *_rest in rows(DAYS)} == {"2026-03-09", "2026-03-10"}
    before = rows(DAYS)
    move(source.account, "Asia/Tokyo")
    follow_zones()
    assert {day for day, *_rest in rows(DAYS)} == {"2026-03-10"}
    assert rows("select zone from feeds_day_zone") == [("Asia/Tokyo",)]
    move(source.account, "America/Sao_Paulo")
    follow_zones()
    assert rows(DAYS) == before


def test_what_comes_after_the_move_is_counted_in_the_new_zone(source: Source) -> None:
    happen(source, Kind.DELIVERED, at=NOON.replace(hour=2))
    move(source.account, "Asia/Tokyo")
    happen(source, Kind.DELIVERED, at=NOON.replace(hour=2), message_id="m2")
    assert {day for day, *_rest in rows(DAYS)} == {"2026-03-09"}
    follow_zones()
    happen(source, Kind.DELIVERED, at=NOON.replace(hour=2), message_id="m3")
    assert {(day, emails) for day, _d, _v, emails, _o in rows(DAYS)} == {("2026-03-10", 3)}


def test_accounts_that_stay_are_left_alone(source: Source) -> None:
    happen(source, Kind.DELIVERED)
    other = make.source(make.account(time_zone="UTC"))
    happen(other, Kind.DELIVERED)
    move(source.account, "Asia/Tokyo")
    assert rollups.follow_zones() == [source.account_id]
    assert rollups.follow_zones() == []
    assert rollups.follow_zone(other.account_id) is False


def test_days_that_nobody_keeps_are_forgotten(source: Source) -> None:
    happen(source, Kind.DELIVERED)
    happen(source, Kind.DELIVERED, message_id="m2", at=NOON - timedelta(days=40))
    Account.objects.update(retention_days=30)
    assert rollups.forget_days(NOON) == 2
    assert {day for day, *_rest in rows(DAYS)} == {"2026-03-10"}
    assert rollups.forget_days(NOON) == 0
    assert rows("select count(*) from feeds_cohort") == [(2,)]


# ---- Everything -------------------------------------------------------------------------------------------


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("recount", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_right_counts_are_left_as_they_are(source: Source) -> None:
    happen(source, Kind.DELIVERED, Kind.OPENED, sender="shop@acme.test")
    kept = rows("select *, ctid from feeds_day order by ctid")
    assert command(source.account.slug) == "All counts are right.\n"
    assert rows("select *, ctid from feeds_day order by ctid") == kept


@pytest.mark.parametrize("table", ["feeds_cohort", "feeds_day", "feeds_rollup"])
@pytest.mark.parametrize(
    "harm", ["delete from {}", "update {} set emails = emails + 3", "update {} set starts_at = starts_at + '1 day'"]
)
def test_wrong_counts_are_told_and_put_right(source: Source, table: str, harm: str) -> None:
    happen(source, Kind.DELIVERED, Kind.OPENED, Kind.DEFERRED, sender="shop@acme.test", comment="452 full")
    happen(source, Kind.BOUNCED, message_id="m2", at=NOON - timedelta(days=1), comment="550 gone")
    right = rows(f"select * from {table} order by 1, 2, 3, 4")
    rows(harm.format(table) if table != "feeds_day" else harm.format(table).replace("starts_at", "day")
         .replace("day + '1 day'", "day + 1"))  # fmt: skip
    assert f"{table}: " in command()
    assert rows(f"select * from {table} order by 1, 2, 3, 4") == right
    assert command() == "All counts are right.\n"


def test_a_check_changes_nothing_and_says_what_is_wrong(source: Source) -> None:
    happen(source, Kind.DELIVERED, Kind.OPENED)
    rows("update feeds_cohort set opened = 3")
    out = StringIO()
    with pytest.raises(CommandError, match="Run it without --check"):
        call_command("recount", "--check", stdout=out, no_color=True)
    assert out.getvalue() == "feeds_cohort: 1 row was wrong; to be added: opened -2.\n"
    assert rows("select opened from feeds_cohort") == [(3,)]


def test_only_the_account_named_is_counted(source: Source) -> None:
    other = make.source(make.account())
    happen(source, Kind.DELIVERED)
    happen(other, Kind.DELIVERED)
    rows("update feeds_cohort set emails = 7")
    command(source.account.slug)
    assert rows("select account_id, emails from feeds_cohort order by emails") == [
        (source.account_id, 1), (other.account_id, 7)
    ]  # fmt: skip
    with pytest.raises(CommandError, match="There is no account “nobody”"):
        command("nobody")


def test_what_is_older_than_anybody_keeps_is_left_as_it_is(source: Source) -> None:
    happen(source, Kind.DELIVERED)
    Account.objects.update(retention_days=1)
    rows("update feeds_cohort set emails = 7")
    assert command() == "All counts are right.\n"
    assert rows("select emails from feeds_cohort") == [(7,)]


@settings(max_examples=40)
@given(story=stories, seed=st.integers(0, 2**32), zone=st.sampled_from(["Asia/Kathmandu", "America/St_Johns", "UTC"]))
def test_any_order_and_repetition_leave_nothing_to_put_right(story: list[Event], seed: int, zone: str) -> None:
    chance = random.Random(seed)
    account = make.account(time_zone=zone, retention_days=3650)
    source = make.source(account)
    told = story + chance.choices(story, k=5)
    chance.shuffle(told)
    while told:
        size = chance.randint(1, len(told))
        record([make.arrival(source, event) for event in told[:size]])
        told = told[size:]
    assert rollups.recount([account.id], NOW) == []
    kept = rows("select * from feeds_day where account_id = %s and emails > 0 order by 1, 2, 3, 4", account.id)
    move(account, "Asia/Tokyo")
    rollups.follow_zone(account.id)
    assert rollups.recount([account.id], NOW) == []
    move(account, zone)
    rollups.follow_zone(account.id)
    names = ", ".join(("account_id", "day", "dimension", "value", *MEASURES))
    again = f"select {names} from feeds_day where account_id = %s order by 1, 2, 3, 4"
    assert rows(again, account.id) == kept

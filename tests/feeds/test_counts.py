from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.access import Access, enter
from feeds import counts
from feeds.counts import Count
from feeds.events import Bounce, Kind, Status
from feeds.lifecycle import record
from feeds.models import Email
from feeds.query import Filter
from feeds.terms import resolve
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=1)
KINDS = (Kind.DELIVERED, Kind.OPENED, Kind.BOUNCED, Kind.DELIVERED, Kind.CLICKED, Kind.PROCESSED, Kind.DELIVERED)


@pytest.fixture
def source() -> Source:
    return make.source(make.account(time_zone="Asia/Kolkata"))


@pytest.fixture
def access(source: Source) -> Access:
    """Of an account with an email every seven minutes, from eight in the morning until noon."""
    events = [
        make.event(
            KINDS[n % len(KINDS)],
            message_id=f"m{n}",
            recipient=f"r{n}@{'acme' if n % 3 else 'other'}.test",
            occurred_at=NOON - timedelta(minutes=7 * n),
            bounce=Bounce.HARD if KINDS[n % len(KINDS)] == Kind.BOUNCED else Bounce.NONE,
        )
        for n in range(35)
    ]
    record([make.arrival(source, *events)])
    return enter(make.member(source.account), source.account.slug)


def counted(access: Access, query: str) -> dict[Status, int]:
    """One by one."""
    wanted = resolve(Filter.parse(query), access.account, LATER)
    emails = [email for email in Email.objects.filter(account=access.account) if wanted.matches(email)]
    return {status: sum(email.status == status for email in emails) for status in Status}


QUERIES = [
    "", "after:2026-03-10T15:00 before:2026-03-10T16:45", "after:2026-03-10T15:07 before:2026-03-10T16:44",
    "after:2026-03-10T15:01 before:2026-03-10T15:14", "after:2026-03-10T15:01 before:2026-03-10T15:16",
    "after:2026-03-10", "before:2026-03-10T15:00", "since:27h", "-before:2026-03-10T17:00", "acme", "domain:other.test",
    "acme after:2026-03-10T15:07", "event:delivered", "subject:nothing",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("statuses", ["", "status:delivered", "status:bounced,opened", "-status:delivered"])
def test_each_status_has_its_emails_whatever_statuses_are_chosen(access: Access, query: str, statuses: str) -> None:
    found = counts.of(access, Filter.parse(f"{query} {statuses}"), LATER)
    assert found.by_status == {status: Count(n, True) for status, n in counted(access, query).items()}
    assert found.total == Count(sum(counted(access, f"{query} {statuses}").values()), True)


def test_another_account_is_never_counted(access: Access) -> None:
    account = make.account()
    other = enter(make.member(account), account.slug)
    for query in ("", "acme"):
        assert counts.of(other, Filter.parse(query), LATER).total == Count(0, True)


def test_emails_older_than_the_account_keeps_them_are_not_counted(access: Access) -> None:
    access.account.retention_days = 1
    now = NOON + timedelta(days=1) - timedelta(minutes=50)
    assert counts.of(access, Filter(), now).total == Count(8, True)


def test_more_than_can_be_counted_are_at_least_so_many(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "CAP", 5)
    found = counts.of(access, Filter.parse("acme"), LATER)
    assert found.total == Count(5, False)
    assert counts.of(access, Filter.parse("status:bounced acme"), LATER).by_status[Status.BOUNCED] == Count(3, True)
    assert counts.of(access, Filter(), LATER).total == Count(35, True)


def test_a_quarter_of_an_hour_with_very_many_emails_is_not_counted_one_by_one(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST_AT_EDGE", 2)
    found = counts.of(access, Filter.parse("after:2026-03-10T15:01 before:2026-03-10T15:16"), LATER)
    assert found.total == Count(2, False)


def test_where_the_time_is_over_what_was_found_is_at_least_so_much(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "SECONDS", 0)
    monkeypatch.setattr("feeds.search.LOOKS", (10,))
    assert counts.of(access, Filter.parse("acme"), LATER).total == Count(6, False)


def test_the_filters_that_are_counted_at_once_are_known_beforehand() -> None:
    assert counts.is_quick(Filter.parse("status:bounced since:2d"))
    assert not counts.is_quick(Filter.parse("status:bounced acme"))


def test_counting_takes_few_statements(access: Access, django_assert_max_num_queries: object) -> None:
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        counts.of(access, Filter.parse("after:2026-03-10T15:07 before:2026-03-10T16:44"), LATER)


def test_time_goes_from_now(access: Access) -> None:
    assert counts.of(access, Filter.parse("since:1h"), datetime(2026, 3, 10, 12, 30, tzinfo=UTC)).total == Count(
        5, True
    )

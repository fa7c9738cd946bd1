"""A visit judged anew counts as if it had been of its new kind from the start."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import judging
from feeds.cohorts import MEASURES
from feeds.events import Event, Kind, Status
from feeds.judging import Anew
from feeds.lifecycle import record
from feeds.models import Email, Rollup, StoredEvent
from tests import make
from tests.feeds.test_cohorts import QUARTERS, kept_by, rows
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
OTHER = {first: second for pair in judging.PAIRS for first, second in (pair, pair[::-1])}
VISITS = tuple(OTHER)
TOLD = st.lists(
    st.tuples(
        st.sampled_from([*VISITS, *VISITS, Kind.DELIVERED, Kind.UNSUBSCRIBED, Kind.BOUNCED]),
        st.integers(0, 3),
        st.integers(0, 40),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture
def source() -> Source:
    return make.source(make.account())


def events(told: list[tuple[Kind, int, int, bool]], *, anew: bool) -> list[Event]:
    return [
        make.event(
            OTHER.get(kind, kind) if anew and changes else kind,
            message_id=f"m{email}",
            event_id=f"e{n}",
            name="visit",
            occurred_at=NOON + timedelta(minutes=minutes),
            sender="shop@acme.test",
        )
        for n, (kind, email, minutes, changes) in enumerate(told)
    ]


def kept(source: Source) -> Any:
    """All that is counted of an account, but for ids and when it was written."""
    emails = Email.objects.filter(account_id=source.account_id).order_by("message_id")
    hidden = ("id", "account_id", "source_id", "recipient_id", "sender_id", "updated_at", "comment_key", "held_key")
    account = source.account_id
    rollups = Rollup.objects.filter(account_id=account).exclude(events=0, emails=0)
    return (
        [{name: value for name, value in row.items() if name not in hidden} for row in emails.values()],
        sorted(rollups.values_list("starts_at", "kind", "events", "emails")),
        sorted(rows(kept_by("starts_at", "feeds_cohort", QUARTERS), account)),
        sorted(rows(kept_by("day, dimension", "feeds_day", MEASURES), account)),
    )


@settings(max_examples=60)
@given(told=TOLD)
def test_all_that_is_counted_follows(told: list[tuple[Kind, int, int, bool]]) -> None:
    judged, from_start = make.source(make.account()), make.source(make.account())
    record([make.arrival(judged, *events(told, anew=False))])
    record([make.arrival(from_start, *events(told, anew=True))])
    visits = {event.key(): event.kind for event in events(told, anew=True) if event.kind in OTHER}
    stored = StoredEvent.objects.filter(account_id=judged.account_id, key__in=list(visits))
    changed = judging.judge([Anew(one.email_id, one.key, visits[one.key], one.comment) for one in stored])
    assert changed == sum(changes and kind in OTHER for kind, _email, _minutes, changes in told)
    assert kept(judged) == kept(from_start)


def test_the_status_follows_people_and_the_reason_is_kept(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.DELIVERED), make.event(Kind.CLICKED, url="https://example.com/"))])
    click = StoredEvent.objects.get(kind=Kind.CLICKED)
    assert judging.judge([Anew(click.email_id, click.key, Kind.MACHINE_CLICKED, "sweep")]) == 1
    email, click = Email.objects.get(), StoredEvent.objects.get(kind=Kind.MACHINE_CLICKED)
    assert (email.status, email.clicks, email.machine_clicks, email.clicked_at) == (Status.DELIVERED, 0, 1, None)
    assert (click.comment, click.url) == ("sweep", "https://example.com/")
    assert judging.judge([Anew(click.email_id, click.key, Kind.MACHINE_CLICKED, "sweep")]) == 0


def test_nothing_but_visits_is_judged(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.SPAM))])
    told = StoredEvent.objects.get()
    assert judging.judge([Anew(told.email_id, told.key, Kind.OPENED, "")]) == 0
    assert judging.judge([]) == 0
    assert Email.objects.get().status == Status.SPAM


def test_who_watches_is_told(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.OPENED))])
    opened = StoredEvent.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("delete from feeds_change")
    judging.judge([Anew(opened.email_id, opened.key, Kind.MACHINE_OPENED, "apple")])
    assert rows("select emails from feeds_change") == [([opened.email_id],)]

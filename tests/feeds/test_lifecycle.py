from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import staging
from feeds.events import Bounce, Event, Kind, Status
from feeds.lifecycle import record
from feeds.models import Address, Email, ReasonText, Rollup, StoredEvent
from feeds.staging import FIRST_TIMES
from suppression.models import Cause, Reason, Suppression
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db


def the_email() -> Email:
    return Email.objects.get()


def sender_of(email: Email) -> str:
    assert email.sender_id is not None
    return Address.objects.get(id=email.sender_id).addr


@pytest.fixture
def source() -> Source:
    return make.source(make.account())


def test_an_event_of_an_unknown_email_makes_the_email(source: Source) -> None:
    told = make.event(Kind.DELIVERED, "Bob@Example.com", sender="Shop@acme.test", subject="Hello", comment="250 OK")
    assert record([make.arrival(source, told)]).new == 1
    email = the_email()
    assert (email.status, email.recipient, email.sender) == (Status.DELIVERED, "bob@example.com", "shop@acme.test")
    assert (email.subject, email.comment, email.delivered_at, email.time) == ("Hello", "250 OK", NOON, NOON)
    assert Address.objects.get(id=email.recipient_id).addr == "bob@example.com"
    assert sender_of(email) == "shop@acme.test"


def test_the_highest_rank_wins_whatever_comes_last(source: Source) -> None:
    for kind in (Kind.CLICKED, Kind.OPENED, Kind.DELIVERED, Kind.PROCESSED):
        record([make.arrival(source, make.event(kind))])
    assert the_email().status == Status.CLICKED


def test_machines_and_deferrals_never_raise_the_status(source: Source) -> None:
    kinds = (Kind.PROCESSED, Kind.DEFERRED, Kind.MACHINE_OPENED, Kind.MACHINE_CLICKED, Kind.UNKNOWN)
    record([make.arrival(source, *map(make.event, kinds))])
    email = the_email()
    assert (email.status, email.opens, email.clicks) == (Status.PROCESSED, 0, 0)
    assert (email.machine_opens, email.machine_clicks, email.deferrals, email.is_retrying) == (1, 1, 1, True)


def test_the_same_event_told_twice_is_one(source: Source) -> None:
    opened = make.arrival(source, make.event(Kind.OPENED))
    assert record([opened, opened]).duplicates == 1
    assert record([opened]).new == 0
    assert (the_email().opens, Rollup.objects.get().events) == (1, 1)


def test_sender_and_subject_that_come_later_fill_in(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.OPENED))])
    assert (the_email().sender, the_email().sender_id) == ("", None)
    record([make.arrival(source, make.event(Kind.PROCESSED, sender="shop@acme.test", subject="Hi", tags=["a"]))])
    email = the_email()
    assert (email.sender, email.subject, email.tags) == ("shop@acme.test", "Hi", ["a"])
    assert sender_of(email) == "shop@acme.test"


def test_the_comment_is_the_last_answer_by_time_not_by_arrival(source: Source) -> None:
    late = make.event(Kind.DELIVERED, occurred_at=NOON + timedelta(hours=1), comment="250 OK")
    early = make.event(Kind.DEFERRED, comment="452 mailbox full", code="4.2.2")
    record([make.arrival(source, late)])
    record([make.arrival(source, early)])
    assert (the_email().comment, the_email().code) == ("250 OK", "")


def test_of_two_answers_at_the_same_second_the_final_one_is_the_comment(source: Source) -> None:
    for order in (1, -1):
        message = f"m{order}"
        told = [make.event(Kind.DEFERRED, comment="452 full", message_id=message),
                make.event(Kind.BOUNCED, comment="550 gone", message_id=message)][::order]  # fmt: skip
        for each in told:
            record([make.arrival(source, each)])
        assert Email.objects.get(message_id=message).comment == "550 gone"


@pytest.mark.parametrize(
    ("kind", "bounce", "reason"),
    [
        (Kind.BOUNCED, Bounce.HARD, Reason.HARD_BOUNCE),
        (Kind.SPAM, Bounce.NONE, Reason.SPAM),
        (Kind.UNSUBSCRIBED, Bounce.NONE, Reason.UNSUBSCRIBED),
    ],
)
def test_what_must_stop_mail_suppresses_the_address(source: Source, kind: Kind, bounce: Bounce, reason: Reason) -> None:
    record([make.arrival(source, make.event(kind, "Bob@example.com", bounce=bounce))])
    row = Suppression.objects.get()
    assert (row.account_id, row.target, row.reason) == (source.account_id, "bob@example.com", reason)
    assert (row.since, row.causes.get().email_id) == (NOON, the_email().id)


@pytest.mark.parametrize("kind", [Kind.BOUNCED, Kind.DEFERRED, Kind.DROPPED])
def test_nothing_soft_suppresses(source: Source, kind: Kind) -> None:
    record([make.arrival(source, make.event(kind, bounce=Bounce.SOFT))])
    assert not Suppression.objects.exists()


def test_an_event_that_names_no_message_is_an_email_of_its_own(source: Source) -> None:
    record([make.arrival(source, make.event(Kind.UNSUBSCRIBED, message_id=""))] * 2)
    record([make.arrival(source, make.event(Kind.UNSUBSCRIBED, message_id="", occurred_at=NOON + timedelta(days=1)))])
    assert [email.is_orphan for email in Email.objects.all()] == [True, True]


def test_sources_and_accounts_do_not_share_messages(source: Source) -> None:
    same = make.event()
    for other in (source, make.source(source.account), make.source(make.account())):
        record([make.arrival(other, same)])
    assert Email.objects.count() == 3


def test_an_old_event_stands_where_it_arrived_and_a_recent_one_where_it_occurred(source: Source) -> None:
    record([make.arrival(source, make.event(message_id="old", occurred_at=NOON - timedelta(days=3000)))])
    record([make.arrival(source, make.event(message_id="new", occurred_at=NOON - timedelta(days=2)))])
    record([make.arrival(source, make.event(message_id="future", occurred_at=NOON + timedelta(days=2)))])
    times = {email.message_id: email.time for email in Email.objects.all()}
    assert times == {"old": NOON, "new": NOON - timedelta(days=2), "future": NOON}


def test_text_that_postgresql_cannot_hold_loses_nothing_else(source: Source) -> None:
    bad = "a\0b\ud800c\td\\N\n"
    record([make.arrival(source, make.event(subject=bad, comment=bad, tags=['x"y\\', "z,{}"], sender="s\0@a.b"))])
    email = the_email()
    assert (email.subject, email.comment) == ("ab?c\td\\N\n", "ab?c\td\\N\n")
    assert (email.tags, email.sender) == (['x"y\\', "z,{}"], "s@a.b")


def test_the_statements_do_not_grow_with_the_events(source: Source, django_assert_num_queries: Any) -> None:
    def events(n: int) -> list[Event]:
        return [make.event(recipient=f"r{i}@example.com", message_id=f"{n}-{i}") for i in range(n)]

    record([make.arrival(source, *events(2))])
    with django_assert_num_queries(10):
        record([make.arrival(source, *events(1))])
    with django_assert_num_queries(10):
        record([make.arrival(source, *events(staging.FEW))])
    for many in (staging.FEW + 1, 500):
        with django_assert_num_queries(12):
            record([make.arrival(source, *events(many))])


# ---- The same events in any order, any number of times, in any cut: the same rows ------------------------------

moments = st.integers(0, 7200).map(lambda s: NOON - timedelta(seconds=s * 7))
stories = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(Kind),
        message_id=st.sampled_from(["m1", "m2", ""]),
        recipient=st.sampled_from(["bob@example.com", "Ann@example.com"]),
        occurred_at=moments,
        sender=st.sampled_from(["", "a@acme.test", "b@acme.test"]),
        subject=st.sampled_from(["", "Hello", "hello", "Ünïcode"]),
        tags=st.lists(st.sampled_from(["x", "y", "z"]), max_size=3),
        argument=st.sampled_from(["", "7"]),
        header_id=st.sampled_from(["", "a@x", "b@x"]),
        comment=st.sampled_from(["", "250 OK", "550 5.1.1 gone"]),
        bounce=st.sampled_from(Bounce),
        url=st.sampled_from(["", "https://example.com/a"]),
    ),
    min_size=1,
    max_size=12,
)
NOT_OF_THE_EVENTS = {
    "id", "updated_at", "source_id", "account_id", "email_id", "sender_id", "recipient_id", "reason_id", "inbox_id",
}  # fmt: skip


def rows(source: Source) -> dict[str, Any]:
    """All that the events of this source led to, without what says where and when the rows were written."""

    def plain(values: Any) -> tuple[Any, ...]:
        kept = {k: v for k, v in values.items() if k not in NOT_OF_THE_EVENTS}
        return tuple(sorted((k, str(v)) for k, v in kept.items()))

    mine = {"account_id": source.account_id}
    senders = {0: ""} | dict(Address.objects.filter(**mine).values_list("id", "addr"))
    reasons = {0: ""} | dict(ReasonText.objects.filter(**mine).values_list("id", "text"))
    return {
        "emails": sorted(
            (
                email["message_id"],
                senders.get(email["sender_id"] or 0),
                senders[email["recipient_id"]],
                reasons.get(email["reason_id"] or 0),
                plain(email),
            )
            for email in Email.objects.filter(**mine).values()
        ),
        "events": sorted(plain(event) for event in StoredEvent.objects.filter(**mine).values()),
        "rollups": sorted(Rollup.objects.filter(**mine).values_list("starts_at", "kind", "events", "emails")),
        "suppressions": sorted(
            Cause.objects.filter(**mine).values_list(
                "suppression__target", "suppression__reason", "suppression__since", "at", "event_key"
            )
        ),
    }


@settings(max_examples=60)
@given(story=stories, seed=st.integers(0, 2**32))
def test_any_order_and_any_repetition_give_the_same_rows(story: list[Event], seed: int) -> None:
    chance = random.Random(seed)
    once, shuffled = (make.source(make.account()) for _ in range(2))
    with patch.object(staging, "FEW", 0):
        record([make.arrival(once, *story)])
    told = story + chance.choices(story, k=chance.randint(0, 10))
    chance.shuffle(told)
    while told:
        size = chance.randint(1, len(told))
        # A small batch takes another way into the temporary tables than a large one.
        with patch.object(staging, "FEW", chance.choice((0, staging.FEW))):
            record([make.arrival(shuffled, event) for event in told[:size]])
        told = told[size:]
    assert rows(once) == rows(shuffled)


@settings(max_examples=40)
@given(story=stories)
def test_the_rows_are_what_the_events_say(story: list[Event]) -> None:
    source = make.source(make.account())
    for event in story:
        record([make.arrival(source, event)])
    for email in Email.objects.filter(account=source.account):
        events = list(email.events.all())
        kinds = [Kind(event.kind) for event in events]
        assert email.status == max((k for k in kinds if k.raises), default=Status.PROCESSED)
        assert (email.opens, email.clicks) == (kinds.count(Kind.OPENED), kinds.count(Kind.CLICKED))
        assert email.first_at == min(event.occurred_at for event in events)
        assert email.last_at == max(event.occurred_at for event in events)
    for kind in Kind:
        told = StoredEvent.objects.filter(account=source.account, kind=kind)
        counted = Rollup.objects.filter(account=source.account, kind=kind)
        assert sum(row.events for row in counted) == told.count()
        if kind in FIRST_TIMES:
            assert sum(row.emails for row in counted) == told.values("email").distinct().count()

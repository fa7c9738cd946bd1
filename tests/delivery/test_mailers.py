"""Mailers that live, end, and die: what they had in their hands is neither lost nor sent again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DataError
from django.utils import timezone

from accounts.models import Account
from delivery import actions, holds, housekeeping, outcomes, queue, roster
from delivery.housekeeping import look_after
from delivery.models import Attempt, Outgoing, Verdict
from delivery.models import Mailer as Alive
from delivery.queue import Pair
from feeds.events import Status
from tests.delivery.engine import email, mailer, place, send_all, told, until
from tests.sinks import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_ends_before_all_is_written_does_not_let_others_send_it_again(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, settle = threading.Event(), outcomes.settle

    def slowly(*told: Any) -> None:
        written.wait(20)
        settle(*told)

    monkeypatch.setattr(outcomes, "settle", slowly)
    place(account, "bob@example.com")
    with mailer() as ours:
        until(lambda: ours.work(1) is not None and Attempt.objects.exists())
        ours.close(0.1)
        assert Outgoing.objects.get().claimed_by == ours.id
        written.set()
        until(lambda: not Outgoing.objects.exists())
    assert told("bob@example.com") == ["processed", "delivered"]


def test_what_a_claim_took_and_nobody_heard_of_is_sent_all_the_same(account: Account, mx: Sink) -> None:
    place(account, "bob@example.com")
    with mailer() as ours:
        # As where the connection breaks while the claim is committed.
        Outgoing.objects.update(claimed_by=ours.id)
        keeper = housekeeping.Keeper(ours)
        keeper.give_back_unknown()
        # It may have been claimed this very moment, and be about to be handed out.
        assert Outgoing.objects.get().claimed_by == ours.id
        keeper.give_back_unknown()
        send_all(ours)
    assert told("bob@example.com") == ["processed", "delivered"]


def test_a_mailer_shows_that_it_lives_whatever_else_takes_long(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()

    def slowly(now: datetime) -> None:
        begun.set()
        over.wait(20)

    monkeypatch.setattr(holds, "release_due", slowly)
    monkeypatch.setattr(roster, "BEAT_SECONDS", 0.05)
    with mailer() as ours:
        assert begun.wait(20)
        before = Alive.objects.get(id=ours.id).beat_at
        until(lambda: Alive.objects.get(id=ours.id).beat_at > before)
        over.set()


def test_an_outcome_the_database_refuses_holds_up_no_other_and_is_not_sent_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(account, "ann@example.com", "bob@example.com")
    now, settle = timezone.now(), outcomes.settle
    dead = Alive.objects.create(host="gone", started_at=now, beat_at=now - timedelta(minutes=1))
    Outgoing.objects.update(claimed_by=dead.id)
    for row in Outgoing.objects.all():
        Attempt.objects.create(
            email_id=row.email_id, number=1, account=account, started_at=now, took_ms=1, verdict=Verdict.DELIVERED,
            final=True, reply="250 OK",
        )  # fmt: skip

    def refusing(batch: Sequence[outcomes.Done], *told: Any) -> None:
        if any(done.outgoing.recipient == "ann@example.com" for done in batch):
            raise DataError
        settle(batch, *told)

    monkeypatch.setattr(outcomes, "settle", refusing)
    assert roster.bury(now) == 1
    assert email("bob@example.com").status == Status.DELIVERED
    assert Outgoing.objects.get().claimed_by == dead.id
    assert not queue.look(queue.START, now).pairs


# ---- What a mailer sent that was taken for dead -----------------------------------------------------------


def sent_meanwhile(account: Account, reply: str = "250 OK", verdict: Verdict = Verdict.DELIVERED) -> None:
    """The email was paid for and sent, and whoever sent it did not live to settle that."""
    Outgoing.objects.update(claimed_by=None, interrupted=True, is_paid=True)
    Attempt.objects.create(
        email_id=Outgoing.objects.get().email_id, number=1, account=account, started_at=timezone.now(), took_ms=1,
        verdict=verdict, final=verdict == Verdict.DELIVERED, reply=reply,
    )  # fmt: skip


def test_what_was_sent_meanwhile_is_not_told_as_over_nor_refunded(account: Account) -> None:
    Account.objects.update(is_metered=True, credits=5)
    place(account, "bob@example.com")
    sent_meanwhile(account)
    now = timezone.now() + timedelta(days=6)
    look_after({Pair(account.id, "example.com"): now + timedelta(hours=1)}, now)
    assert told("bob@example.com") == ["processed", "delivered"]
    assert Account.objects.get().credits == 5
    assert not Outgoing.objects.exists()


def test_what_was_sent_meanwhile_cannot_be_given_up(account: Account) -> None:
    Account.objects.update(is_metered=True, credits=5)
    place(account, "bob@example.com")
    sent_meanwhile(account)
    outcome = actions.give_up(account, [email("bob@example.com").id], timezone.now(), "mia")
    assert (outcome.done, len(outcome.refused)) == (0, 1)
    assert told("bob@example.com") == ["processed", "delivered"]
    assert Account.objects.get().credits == 5


def test_what_was_refused_meanwhile_is_given_up_after_that(account: Account) -> None:
    Account.objects.update(is_metered=True, credits=5)
    place(account, "bob@example.com")
    sent_meanwhile(account, "452 4.2.2 Mailbox full", Verdict.SOFT)
    outcome = actions.give_up(account, [email("bob@example.com").id], timezone.now(), "mia")
    assert (outcome.done, outcome.refused) == (1, [])
    assert told("bob@example.com") == ["processed", "deferred", "given up"]
    assert "452 4.2.2 Mailbox full" in email("bob@example.com").comment
    assert Account.objects.get().credits == 5
    assert not Outgoing.objects.exists()


def test_what_may_have_been_sent_gets_no_credit_back(account: Account) -> None:
    Account.objects.update(is_metered=True, credits=5)
    place(account, "ann@example.com", "bob@example.com")
    Outgoing.objects.update(is_paid=True)
    Outgoing.objects.filter(recipient="bob@example.com").update(interrupted=True)
    actions.give_up(account, [email(f"{name}@example.com").id for name in ("ann", "bob")], timezone.now(), "mia")
    assert Account.objects.get().credits == 6

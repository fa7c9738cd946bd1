"""Lanes in which something breaks: no email is lost by it, none is sent twice, and no place is taken up for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import Account
from delivery import deliver, throttle
from delivery import mailer as mailing
from delivery.lanes import Lane
from delivery.mailer import Mailer
from delivery.models import Attempt, Outgoing
from delivery.ways import Ways
from feeds import replies
from feeds.events import Status
from tests.delivery.engine import email, mailer, place, send_all, until
from tests.sinks import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: Exception) -> list[int]:
    """Let this fail the first time, and then do what it does; the list has one entry for each call."""
    real, calls = getattr(owner, name), [0]

    def failing(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == 1:
            raise error
        return real(*given, **named)

    monkeypatch.setattr(owner, name, failing)
    return calls


def is_free(ours: Mailer) -> bool:
    return not ours.claimed and not any(d.sending for d in ours.destinations.values())


@pytest.mark.parametrize("step", [(Ways, "of"), (deliver, "still_wanted")], ids=["way", "check"])
def test_what_breaks_before_an_email_is_sent_takes_up_no_place(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch, step: tuple[Any, str]
) -> None:
    monkeypatch.setattr(deliver, "FRESH_SECONDS", -1.0)
    once(monkeypatch, *step, ValueError("odd"))
    place(account, "ann@example.com")
    with mailer() as ours:
        send_all(ours)
        until(lambda: is_free(ours))
        row = Outgoing.objects.get()
        assert (row.claimed_by, row.attempts) == (None, 1)
        assert "ValueError" in row.reply
        Outgoing.objects.update(next_attempt_at=timezone.now())
        send_all(ours)
    assert email("ann@example.com").status == Status.DELIVERED


def test_an_answer_that_cannot_be_judged_is_kept_and_the_email_not_sent_again(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(monkeypatch, replies, "classify", ValueError("odd"))
    place(account, "ann@example.com")
    with mailer() as ours:
        send_all(ours)
        until(lambda: is_free(ours))
    assert len(mx.messages) == 1
    assert Attempt.objects.get().final
    assert email("ann@example.com").status == Status.DELIVERED


def test_without_a_thread_for_a_lane_its_place_is_not_lost(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(monkeypatch, Lane, "start", RuntimeError("can't start new thread"))
    monkeypatch.setattr(mailing, "STALE_SECONDS", 0.1)
    place(account, "ann@example.com")
    with mailer() as ours:
        assert ours.look() == 1
        assert len(ours.free) == ours.most_lanes
        until(lambda: is_free(ours))
        monkeypatch.setattr(mailing, "STALE_SECONDS", 20.0)
        Outgoing.objects.update(next_attempt_at=timezone.now())
        send_all(ours)
    assert [m.recipients[0] for m in mx.messages] == ["ann@example.com"]


def test_what_was_claimed_and_could_not_be_handed_out_is_given_back(
    account: Account, mx: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(account, "ann@example.com")
    with mailer() as ours:
        monkeypatch.setattr(ours, "_choose", lambda found, now: [(pair, 1) for pair in found.pairs])
        once(monkeypatch, throttle, "limits", OperationalError("away"))
        with pytest.raises(OperationalError):
            ours.look()
        until(lambda: not ours.claimed)
        row = Outgoing.objects.get()
        assert (row.claimed_by, row.attempts) == (None, 0)
        assert row.next_attempt_at < timezone.now() + timedelta(minutes=1)

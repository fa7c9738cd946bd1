from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from delivery import holds
from delivery.accept import accept
from delivery.models import Outgoing, Pace
from feeds.events import Held, Kind, Status
from feeds.models import Email, StoredEvent
from tests import make

pytestmark = pytest.mark.django_db
NOW = make.NOON
LATER = NOW + timedelta(hours=3)


def sending(n: int = 1, **brakes: Any) -> Account:
    """An account that was handed so many emails."""
    account = make.account(**brakes)
    make.sender_domain(account)
    accept(make.order(*[f"r{i}@x{i % 3}.com" for i in range(n)]), account, NOW)
    return account


def held() -> dict[int, int]:
    found: dict[int, int] = {}
    for reason in Outgoing.objects.values_list("held", flat=True):
        found[reason] = found.get(reason, 0) + 1
    return found


def test_credits_let_emails_go_on_by_themselves() -> None:
    account = sending(3, is_metered=True, credits=0)
    assert holds.release_due(LATER) == 0
    Account.objects.filter(id=account.id).update(credits=10)
    assert holds.release_due(LATER) == 3
    assert held() == {Held.NO: 3}
    assert set(Email.objects.values_list("status", "held", "comment")) == {
        (Status.PROCESSED, Held.NO, "Released: there are credits again."),
    }  # fmt: skip
    assert StoredEvent.objects.filter(kind=Kind.RELEASED, occurred_at=LATER).count() == 3
    assert holds.release_due(LATER) == 0


def test_only_as_many_go_on_as_there_are_credits_for() -> None:
    account = sending(9, is_metered=True, credits=0)
    Account.objects.filter(id=account.id).update(credits=4)
    assert [holds.release_due(LATER), holds.release_due(LATER)] == [4, 0]
    assert held() == {Held.NO: 4, Held.CREDITS: 5}


def test_emails_of_an_account_that_is_not_metered_any_more_go_on() -> None:
    sending(is_metered=True, credits=0)
    Account.objects.update(is_metered=False)
    assert holds.release_due(LATER) == 1


def test_an_account_that_is_enabled_again_goes_on() -> None:
    sending(2, enabled=False, disabled_reason="Unpaid.")
    assert holds.release_due(LATER) == 0
    Account.objects.update(enabled=True)
    assert holds.release_due(LATER) == 2
    assert set(Email.objects.values_list("held", "comment")) == {(Held.NO, "Released: the account is enabled again.")}


def test_what_is_scheduled_goes_on_when_its_time_has_come() -> None:
    account = make.account()
    make.sender_domain(account)
    accept(make.order("a@x.com", send_at=LATER), account, NOW)
    accept(make.order("b@x.com", send_at=LATER + timedelta(seconds=1)), account, NOW)
    assert holds.release_due(LATER - timedelta(seconds=1)) == 0
    assert holds.release_due(LATER) == 1
    assert Outgoing.objects.get(held=Held.NO).recipient == "a@x.com"


def test_a_second_reason_takes_over_from_the_first() -> None:
    account = make.account(enabled=False, disabled_reason="Unpaid.", is_metered=True)
    make.sender_domain(account)
    accept(make.order(send_at=LATER), account, NOW)
    assert held() == {Held.SCHEDULED: 1}
    holds.release_due(LATER)
    assert held() == {Held.DISABLED: 1}
    assert Email.objects.get().comment == "Held back: the account is disabled. Unpaid."
    Account.objects.update(enabled=True)
    holds.release_due(LATER + timedelta(seconds=2))
    assert held() == {Held.CREDITS: 1}
    assert StoredEvent.objects.filter(kind=Kind.RELEASED).count() == 0
    Account.objects.update(credits=1)
    holds.release_due(LATER + timedelta(seconds=4))
    assert (held(), Email.objects.get().held) == ({Held.NO: 1}, Held.NO)


def test_emails_are_held_while_a_server_is_not_written_to_and_then_go_on() -> None:
    sending(3)
    slowed = Outgoing.objects.get(domain="x1.com")
    Outgoing.objects.update(claimed_by=7)
    until = NOW + timedelta(minutes=10)
    Pace.objects.create(domain="x1.com", slowed_until=until, updated_at=NOW)
    ids = [slowed.email_id, slowed.email_id]
    assert holds.hold(ids, Held.THROTTLED, "Held back: 421 too many", NOW, until=until) == 1
    assert holds.hold(ids, Held.THROTTLED, "Held back: 421 too many", NOW, until=until) == 0
    slowed.refresh_from_db()
    assert (slowed.held, slowed.claimed_by, slowed.next_attempt_at) == (Held.THROTTLED, None, until)
    assert Email.objects.get(id=slowed.email_id).held == Held.THROTTLED
    assert holds.release_due(until - timedelta(seconds=1)) == 0
    Pace.objects.update(slowed_until=until + timedelta(minutes=10))  # it was told so again meanwhile
    assert holds.release_due(until) == 0
    assert holds.release_due(until + timedelta(minutes=10)) == 1
    assert Email.objects.get(id=slowed.email_id).comment == "Released: the recipient's server is written to again."


def test_what_waits_for_a_server_that_rests_for_longer_is_not_looked_at_again_until_then() -> None:
    account = sending(30)
    Outgoing.objects.update(held=Held.THROTTLED, domain="slow.com", next_attempt_at=NOW)
    last = Outgoing.objects.order_by("email_id").last()
    assert last is not None
    Outgoing.objects.filter(email_id=last.email_id).update(
        domain="quick.com", next_attempt_at=NOW + timedelta(seconds=1)
    )
    rests = LATER + timedelta(hours=1)
    Pace.objects.create(domain="slow.com", slowed_until=rests, updated_at=NOW)
    assert holds.release_due(LATER, most=20) == 0
    assert Outgoing.objects.filter(account=account, next_attempt_at=rests).count() == 20
    assert holds.release_due(LATER, most=20) == 1
    assert Outgoing.objects.get(held=Held.NO).domain == "quick.com"
    assert Outgoing.objects.filter(next_attempt_at=rests).count() == 29
    assert holds.release_due(rests) == 29


def test_what_waits_for_a_server_beyond_its_end_goes_on_by_then() -> None:
    sending(1)
    end = LATER + timedelta(minutes=1)
    Outgoing.objects.update(held=Held.THROTTLED, next_attempt_at=NOW, expires_at=end)
    Pace.objects.create(domain=Outgoing.objects.get().domain, slowed_until=LATER + timedelta(hours=1), updated_at=NOW)
    assert holds.release_due(LATER) == 0
    assert Outgoing.objects.get().next_attempt_at == end
    assert holds.release_due(end) == 1


def test_the_emails_of_other_accounts_stay_where_they_are() -> None:
    waiting, other = sending(2, is_metered=True, credits=0), sending(2, is_metered=True, credits=0)
    Account.objects.filter(id=other.id).update(credits=2)
    assert holds.release_due(LATER) == 2
    assert set(Outgoing.objects.filter(held=Held.CREDITS).values_list("account_id", flat=True)) == {waiting.id}


def test_many_go_on_in_bounded_batches_of_few_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    sending(250, enabled=False)
    Account.objects.update(enabled=True)
    monkeypatch.setattr(holds, "BATCH", 100)
    with CaptureQueriesContext(connection) as told:
        assert holds.release_due(LATER, most=220) == 220
    assert len(told) < 90
    assert holds.release_due(LATER) == 30


def test_nobody_waits_until_all_of_somebody_else_went_on() -> None:
    sending(30, enabled=False)
    other = sending(1, enabled=False)
    Account.objects.update(enabled=True)
    assert holds.release_due(LATER, most=10) == 10
    assert not Outgoing.objects.filter(account_id=other.id, held=Held.DISABLED).exists()


def test_nothing_held_costs_one_statement(django_assert_num_queries: Any) -> None:
    sending(5)
    with django_assert_num_queries(1):
        assert holds.release_due(LATER) == 0

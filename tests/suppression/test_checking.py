from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from suppression.checking import stopped
from suppression.models import Reason, Suppression
from tests import make

pytestmark = pytest.mark.django_db


def test_each_reason_is_told_in_netcores_words() -> None:
    account = make.account()
    for reason in Reason:
        make.suppression(account, f"{reason.name.lower()}@example.com", reason=reason)
    found = stopped(account.id, [f"{reason.name.lower()}@example.com" for reason in Reason])
    assert {stop.reason.name: stop.sentence for stop in found.values()} == {
        "HARD_BOUNCE": "Email dropped: User suppressed due to hard bounce",
        "SPAM": "Email dropped: User suppressed due to abuse complaint",
        "UNSUBSCRIBED": "Email dropped: User suppressed due to unsubscription",
        "MANUAL": "Email dropped: User added to suppression list manually",
        "INVALID": "Email dropped: Recipient's address is invalid",
    }


def test_the_earliest_of_several_reasons_is_told_and_case_does_not_matter() -> None:
    account = make.account()
    for reason, days in ((Reason.SPAM, 2), (Reason.HARD_BOUNCE, 1)):
        make.suppression(account, reason=reason, at=make.NOON + timedelta(days=days))
    (stop,) = stopped(account.id, ["Bob@Example.com"]).values()
    row = Suppression.objects.get(reason=Reason.HARD_BOUNCE)
    assert (stop.reason, stop.suppression_id) == (Reason.HARD_BOUNCE, row.id)


def test_the_list_of_another_account_stops_nobody(django_assert_num_queries: Any) -> None:
    make.suppression(make.account())
    account = make.account()
    with django_assert_num_queries(1):
        assert stopped(account.id, [f"r{n}@example.com" for n in range(5000)]) == {}
    with django_assert_num_queries(0):
        assert stopped(account.id, []) == {}


def test_what_is_over_stops_nobody_though_it_is_still_on_the_list() -> None:
    account, now = make.account(), timezone.now()
    make.suppression(account, "over@example.com", until=now - timedelta(seconds=1))
    make.suppression(account, "@over.example.com", until=now - timedelta(seconds=1))
    make.suppression(account, "holds@example.com", until=now + timedelta(hours=1))
    asked = ["over@example.com", "ann@over.example.com", "holds@example.com"]
    assert set(stopped(account.id, asked)) == {"holds@example.com"}
    # Somebody else says that it holds for ever.
    make.suppression(account, "over@example.com", ident="u1")
    assert set(stopped(account.id, asked)) == {"over@example.com", "holds@example.com"}

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from accounts.credits import Refused, add, give_back, take
from accounts.models import Account, CreditEntry
from tests import make


def left(account: Account) -> int:
    return Account.objects.get(pk=account.pk).credits


@pytest.mark.django_db
def test_what_is_there_is_taken_and_no_more() -> None:
    acme = make.account(is_metered=True, credits=5)
    assert take(acme.pk, 3) == 3
    assert take(acme.pk, 3) == 2
    assert take(acme.pk, 3) == 0
    assert left(acme) == 0


@pytest.mark.django_db
def test_an_account_that_is_not_limited_takes_all_and_uses_none() -> None:
    acme = make.account(credits=5)
    assert take(acme.pk, 100) == 100
    give_back(acme.pk, 3)
    assert left(acme) == 5


@pytest.mark.django_db
def test_what_was_not_sent_is_given_back() -> None:
    acme = make.account(is_metered=True, credits=5)
    take(acme.pk, 4)
    give_back(acme.pk, 2)
    assert left(acme) == 3


@pytest.mark.django_db
def test_nobody_takes_away_more_than_there_is() -> None:
    acme = make.account(is_metered=True, credits=5)
    with pytest.raises(Refused):
        add(acme, -6, None)
    assert add(acme, -5, None, "gone").balance == 0
    assert left(acme) == 0
    assert CreditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_take_each_credit_once() -> None:
    acme = make.account(is_metered=True, credits=100)
    start = threading.Barrier(4, timeout=10)
    taken: list[int] = []

    def work() -> None:
        start.wait()
        taken.extend(take(acme.pk, 7) for _round in range(6))
        connection.close()

    threads = [threading.Thread(target=work) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sum(taken) == 100
    assert left(acme) == 0


@pytest.mark.django_db(transaction=True)
def test_the_same_wish_many_times_at_once_gives_credits_once() -> None:
    acme, once = make.account(), uuid4()
    start = threading.Barrier(4, timeout=10)

    def work() -> None:
        start.wait()
        add(acme, 7, None, once=once)
        connection.close()

    crew = [threading.Thread(target=work) for _n in range(4)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert (left(acme), CreditEntry.objects.count()) == (7, 1)

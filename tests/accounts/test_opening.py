from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from accounts.models import Account, User
from accounts.setup import open_account
from tests.site import wait_until

# Not pg_stat_activity, which tells one transaction the same again and again.
WAITING = "select count(*) from pg_locks where not granted"


def is_waited_for() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_two_accounts_of_one_name_can_be_opened_at_once() -> None:
    owner = User.objects.create_user("ann")
    slugs: list[str] = []

    def work() -> None:
        slugs.append(open_account("Acme", owner).slug)
        connection.close()

    second = threading.Thread(target=work)
    with transaction.atomic():
        slugs.append(open_account("Acme", owner).slug)
        second.start()
        wait_until(is_waited_for, 10, "the second one waits for the first")
    second.join()
    assert slugs == ["acme", "acme-2"]
    assert Account.objects.count() == 2

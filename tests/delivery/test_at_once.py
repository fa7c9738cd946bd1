"""Many callers at the same moment, while emails are held, released and sent: nobody fails, and every count is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts import credits as credit
from accounts.models import Account
from delivery import deliver, holds
from delivery.accept import accept
from delivery.models import Message, Outgoing
from delivery.queue import Pair
from delivery.routes import Book
from feeds.events import Held, Kind, Status
from feeds.models import Email, Rollup, StoredEvent
from suppression.models import Reason, Suppression
from tests import make
from tests.delivery.engine import mailer, send_all, until
from tests.sinks import Sink, sink

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS, EACH = 24, 15


@pytest.fixture
def mx(settings: Any, reachable: None) -> Iterator[Sink]:
    with connection.cursor() as cursor:
        cursor.execute("truncate delivery_attempt")
    with sink(replies={}) as made:
        settings.MX_ROUTES = {"*": ("127.0.0.1", made.port)}
        yield made


def test_all_of_it_at_once(mx: Sink) -> None:
    account = make.account(is_metered=True, credits=0)
    make.sender_domain(account)

    def hand_in(n: int) -> None:
        # The same addresses from all sides, each caller in another order.
        to = [f"r{(n * 7 + k) % 40}@x{k % 5}.com" for k in range(EACH)]
        try:
            accept(make.order(*(to if n % 2 else reversed(to)), tags=["a", f"t{n % 3}"]), account, timezone.now())
        finally:
            connection.close()

    def release(n: int) -> None:
        try:
            Account.objects.filter(id=account.id).update(credits=F("credits") + 30)
            holds.release_due(timezone.now())
        finally:
            connection.close()

    with mailer() as ours:
        with ThreadPoolExecutor(8) as threads:
            waiting = [threads.submit(hand_in if n % 2 else release, n // 2) for n in range(2 * ORDERS)]
            while not all(one.done() for one in waiting):
                ours.work(1)
            for one in waiting:
                one.result()
        while holds.release_due(timezone.now()):
            pass
        send_all(ours)

    sent = ORDERS * EACH
    assert (Message.objects.count(), Email.objects.filter(status=Status.DELIVERED, held=Held.NO).count()) == (
        ORDERS,
        sent,
    )
    assert (Outgoing.objects.count(), len(mx.messages)) == (0, sent)
    told = {kind: StoredEvent.objects.filter(kind=kind).count() for kind in (Kind.PROCESSED, Kind.DELIVERED)}
    assert told == {Kind.PROCESSED: sent, Kind.DELIVERED: sent}
    assert sum(Rollup.objects.filter(kind=Kind.PROCESSED).values_list("emails", flat=True)) == sent
    account.refresh_from_db()
    assert account.credits == ORDERS * 30 - sent


def test_claims_that_give_back_and_take_credits_hold_accounts_in_one_order(mx: Sink) -> None:
    first, second = (make.account(is_metered=True, credits=5) for _n in range(2))
    for account in (first, second):
        make.sender_domain(account)
        accept(make.order("bob@example.com"), account, timezone.now())
    Outgoing.objects.filter(account=second).update(is_paid=True)
    Suppression.objects.create(
        account=second, target="bob@example.com", domain="example.com", reason=Reason.MANUAL, since=timezone.now()
    )
    now = timezone.now()
    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        credit.take(first.id, 1)
        claimed = threads.submit(claim, [Pair(second.id, "example.com"), Pair(first.id, "example.com")], now)
        until(is_somebody_waiting)
        # It is to give the second account a credit back, and waits for the first: then nobody waits for the second.
        Account.objects.select_for_update(nowait=True).get(id=second.id)
    assert claimed.result() == ["bob@example.com"]
    assert list(Account.objects.order_by("id").values_list("credits", flat=True)) == [3, 6]


def claim(pairs: Sequence[Pair], now: datetime) -> list[str]:
    try:
        jobs = deliver.claim([(pair, 5) for pair in pairs], 1, Book(), now)
        return [job.outgoing.recipient for job in jobs]
    finally:
        connection.close()


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return bool(cursor.fetchone()[0])

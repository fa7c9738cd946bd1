"""Many callers at the same moment, while emails are held, released and sent: nobody fails, and every count is right."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.models import Account
from delivery import holds
from delivery.accept import accept
from delivery.models import Message, Outgoing
from feeds.events import Held, Kind, Status
from feeds.models import Email, Rollup, StoredEvent
from tests import make
from tests.delivery.engine import mailer, send_all
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

"""A mailer in the process of the test, and a sink it sends to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from accounts.models import Account
from delivery.accept import accept
from delivery.mailer import Mailer
from delivery.models import Outgoing
from delivery.orders import Accepted
from feeds.models import Email, StoredEvent
from tests import make


@contextmanager
def mailer(lanes: int = 20) -> Iterator[Mailer]:
    """A mailer that ends with the test, whatever it is at."""
    made = Mailer(lanes)
    try:
        yield made
    finally:
        made.close(5)


def until(true: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for what other threads do."""
    end = time.perf_counter() + seconds
    while not true():
        assert time.perf_counter() < end, "it does not come true"
        time.sleep(0.01)


def send_all(mailer: Mailer) -> None:
    """Send until nothing is due and nothing is under way."""

    def is_done() -> bool:
        mailer.work(5)
        due = Outgoing.objects.filter(held=0, next_attempt_at__lte=timezone.now())
        return not due.exists() and not mailer.claimed

    mailer.pulse.beat()
    until(is_done)


def place(account: Account, *to: str, **fields: Any) -> Accepted:
    """Hand in a message to these, now."""
    return accept(make.order(*to, **fields), account, timezone.now())


def email(recipient: str) -> Email:
    return Email.objects.get(recipient=recipient)


def told(recipient: str) -> list[str]:
    """The names of an email's events, in the order they came."""
    events = StoredEvent.objects.filter(email_id=email(recipient).id)
    return list(events.order_by("occurred_at", "kind").values_list("name", flat=True))

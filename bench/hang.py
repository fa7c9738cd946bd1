"""What servers that hang cost the mail to all others: `python -m bench send --hang`.

Twenty domains take connections and never say a word, with mail for each of them waiting. Meanwhile so many emails a
second are handed in for other domains. Measured is the time from accepting to the answer of the server; the baseline
is five seconds.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from django.utils import timezone

from bench import send, sinks
from bench.report import Case, Result, quantile
from bench.seed import seed
from bench.servers import free_port
from delivery import signing
from delivery.accept import accept
from delivery.models import Outgoing, SenderDomain
from delivery.orders import Group, Mailbox, Order
from feeds.models import Email

if TYPE_CHECKING:
    from accounts.models import Account

HANGING, EACH = 20, 50
PER_SECOND, SECONDS, TICK = 50, 30, 0.1
WANTED_MS = 5000.0
SECONDS_TO_END = 60


@contextmanager
def silence() -> Iterator[int]:
    """The port of a server that lets everybody in and says nothing."""
    listener = socket.create_server(("127.0.0.1", free_port()), backlog=1000)
    kept: list[socket.socket] = []

    def take() -> None:
        try:
            while True:
                kept.append(listener.accept()[0])
        except OSError:
            return

    threading.Thread(target=take, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        for connection in kept:
            connection.close()


def order(addresses: list[str]) -> Order:
    return Order(
        sender=Mailbox(send.SENDER, "Acme"), subject="Your order", html=send.html("7"), text="On its way.",
        groups=[Group([Mailbox(address)]) for address in addresses],
    )  # fmt: skip


def hand_in(account: Account) -> list[str]:
    """So many a second for a while; returns to whom."""
    told: list[str] = []
    each = int(PER_SECOND * TICK)
    began = time.monotonic()
    for tick in range(int(SECONDS / TICK)):
        addresses = [f"h{tick}-{n}@{send.PLACES[(tick + n) % len(send.PLACES)]}" for n in range(each)]
        accept(order(addresses), account, timezone.now())
        told += addresses
        if tick % 20 == 0:
            send.nudge(1)
        time.sleep(max(0.0, began + (tick + 1) * TICK - time.monotonic()))
    return told


def waits(account: Account, addresses: list[str]) -> list[float]:
    """Milliseconds from accepting to the server's answer, of all of them."""
    emails = Email.objects.filter(account_id=account.id, recipient__in=addresses, delivered_at__isnull=False)
    deadline = time.monotonic() + SECONDS_TO_END
    while emails.count() < len(addresses):
        send.nudge(1)
        time.sleep(0.5)
        if time.monotonic() > deadline:
            raise SystemExit(f"Of {len(addresses)} emails {emails.count()} were delivered.")
    times = emails.values_list("processed_at", "delivered_at")
    return [(delivered - accepted).total_seconds() * 1000 for accepted, delivered in times if accepted and delivered]


def run(emails: int) -> Result:
    """One worker, twenty domains that hang, and mail to others."""
    with ExitStack() as stack:
        sink = stack.enter_context(sinks.running())
        quiet = stack.enter_context(silence())
        account = seed(emails).account
        key = signing.make_key()
        SenderDomain.objects.create(
            account=account,
            name=send.DOMAIN,
            selector="lf",
            private_key=key.private,
            public_key=key.public,
            proven_at=timezone.now(),
        )
        places = [f"silent{n}.com" for n in range(HANGING)]
        routes = ",".join([*(f"{place}=127.0.0.1:{quiet}" for place in places), f"*=127.0.0.1:{sink.port}"])
        stack.enter_context(send.workers(1, MX_ROUTES=routes))
        accept(order([f"p{n}@{place}" for place in places for n in range(EACH)]), account, timezone.now())
        send.wait_for_mailers(1)
        found = waits(account, hand_in(account))
        left = Outgoing.objects.filter(account=account, domain__in=places).count()
    p50, p95, p99 = (quantile(found, share) for share in (0.5, 0.95, 0.99))
    case = Case(
        f"{PER_SECOND} a second, {HANGING} domains hang ({left:,} emails wait)", p50_ms=p50, p95_ms=p95, p99_ms=p99
    )
    return Result("send --hang", emails, ratio=WANTED_MS / p95, p50_ms=p50, p95_ms=p95, p99_ms=p99, cases=[case])

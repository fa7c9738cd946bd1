"""Requests of 100 events accepted per second over HTTP, beside a plain view that saves each event through the ORM.

Ours checks the signature, stores the request and answers when it is committed; no worker reads meanwhile, except in
the case that says so. The baseline checks nothing and has done all its work when it answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import connections
from django.utils import timezone

from bench import load, plain, servers
from bench.people import recipient
from bench.report import Case, Result, quantile
from bench.seed import seed
from feeds.models import InboxDue
from settings import processes
from settings.runner import commands
from webhooks.models import Source
from webhooks.signing import new_secrets, sign

if TYPE_CHECKING:
    from bench.load import Round

EVENTS, BODIES = 100, 300
CONNECTIONS, ROUNDS, SECONDS = 4, 3, 6.0
WARM_UP_SECONDS = 1.5
SECONDS_TO_READ = 60
STEPS = ("processed", "delivered", "open", "click")
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0"


def body(number: int, emails: int, now: datetime) -> bytes:
    """One request of SendGrid's, about 40 KB: four steps in the lives of 25 new emails."""
    return json.dumps([_event(number * EVENTS + i, emails, now) for i in range(EVENTS)]).encode()


def _event(n: int, emails: int, now: datetime) -> dict[str, object]:
    mail, step = divmod(n, len(STEPS))
    told: dict[str, object] = {
        "email": recipient(mail % max(1, emails // 7)),
        "timestamp": int(now.timestamp()) + step,
        "smtp-id": f"<{mail:022d}@geopod-ismtpd-7>",
        "event": STEPS[step],
        "category": ["receipt", "autumn"],
        "sg_event_id": f"ZGVsaXZlcmVkLTAtMzY{n:029d}",
        "sg_message_id": f"{mail:022d}.recvd-5f54b5d587-abcde-1-65A4F1C2-3.0",
    }
    if STEPS[step] == "delivered":
        told["response"] = "250 2.0.0 OK  1465276276 j6-20020a170902da8600b001bb8895e8cfsi1234567plx.89 - gsmtp"
    if step > 1:
        told |= {"useragent": BROWSER, "ip": "192.0.2.7", "sg_machine_open": False}
    if STEPS[step] == "click":
        told |= {"url": f"https://shop.example/orders/{mail}?utm_source=mail", "url_offset": {"index": 0}}
    return told


def run(emails: int) -> Result:
    """Load on our endpoint and on the baseline in turn; the product's own web command serves both."""
    account = seed(emails).account
    plain.make_tables(emails)
    ours, sender = new_secrets("sendgrid")
    source = Source.objects.create(account=account, name="load", provider="sendgrid", secrets=ours)
    now = timezone.now()
    bodies = [body(number, emails, now) for number in range(BODIES)]
    signed = [sign("sendgrid", one, "application/json", sender, now) for one in bodies]
    to_us = [load.post(f"/in/{source.token}", headers, one) for one, headers in signed]
    to_it = [load.post("/in", {"Content-Type": "application/json"}, one) for one in bodies]
    connections.close_all()
    found: dict[str, list[Round]] = {"ours": [], "plain": []}
    plainly = {"DJANGO_SETTINGS_MODULE": "bench.plain_settings"}
    with servers.web() as (_pid, us), servers.web(plainly) as (_pid, it):
        places = {"ours": (us, to_us), "plain": (it, to_it)}
        for port, requests in places.values():
            _drive(port, requests, WARM_UP_SECONDS)
        for _round in range(ROUNDS):
            for name, (port, requests) in places.items():
                # None sees what it saw before, so that the baseline always meets new emails and events.
                used = len(found[name]) * BODIES // ROUNDS
                found[name].append(_drive(port, requests[used:] + requests[:used], SECONDS))
        with _worker():
            read = _drive(us, to_us, SECONDS)
    baseline = _case("plain view, through the ORM", found["plain"])
    best = _case("ours", found["ours"], baseline)
    cases = [baseline, best, _case("ours, a worker reads meanwhile", [read], baseline)]
    assert best.per_second
    assert best.ratio
    return Result(
        "intake", emails, best.ratio, best.per_second, best.p50_ms, best.p95_ms, best.p99_ms, cases=cases
    )  # fmt: skip


def _drive(port: int, requests: list[bytes], seconds: float) -> Round:
    found = load.drive(port, requests, connections=CONNECTIONS, seconds=seconds)
    if found.refused or not found.took:
        raise SystemExit(f"The server did not accept a request: {found.refused[:1]}")
    return found


def _case(name: str, rounds: list[Round], baseline: Case | None = None) -> Case:
    """The median round's speed, and the times of the requests of all rounds."""
    speed = quantile([one.per_second for one in rounds], 0.5)
    took = [seconds * 1000 for one in rounds for seconds in one.took]
    ratio = speed / baseline.per_second if baseline and baseline.per_second else None
    return Case(name, speed, quantile(took, 0.5), quantile(took, 0.95), quantile(took, 0.99), ratio=ratio)


@contextmanager
def _worker() -> Iterator[None]:
    """One worker of the product's, from the moment it has begun to read."""
    command = commands.worker("ingest", 1)
    process = processes.start(command, output=None)
    try:
        _until_reading()
        yield
    finally:
        process.send_signal(command.stop)
        process.wait(timeout=30)


def _until_reading() -> None:
    from feeds.tasks import read_inbox

    left, deadline = InboxDue.objects.count(), time.monotonic() + SECONDS_TO_READ
    read_inbox.apply_async()
    while InboxDue.objects.count() == left:
        if time.monotonic() > deadline:
            raise SystemExit("The worker does not read: see its lines above.")
        time.sleep(0.1)
    connections.close_all()

"""Recipients accepted per second, over HTTP and over SMTP, beside a plain view that saves each of them through the ORM.

Ours looks the key up, checks sender, recipients and suppressions, and answers when feed and queue are committed; no
worker sends meanwhile. The baseline takes the same requests, checks nothing, and saves two rows for each recipient.
"""

from __future__ import annotations

import itertools
import json
import os
import smtplib
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connections
from django.utils import timezone

from accounts import keys
from accounts.access import Access
from accounts.models import Membership, Role, User
from bench import load, people, plain, servers
from bench.load import Round
from bench.report import Case, Result, quantile
from bench.seed import seed
from delivery.models import SenderDomain
from delivery.smtpd.certificate import our_own
from settings import processes
from settings.processes import Command
from settings.runner import commands

if TYPE_CHECKING:
    from accounts.models import Account

BATCHES = (1, 100, 1000)
PLAIN_BATCH = 100
CONNECTIONS, ROUNDS, SECONDS, WARM_UP_SECONDS = 4, 2, 4.0, 1.0
RECIPIENTS = 20_000
SENDER = "orders@acme.com"
TEXT = "<p>Hello [%NAME%], your order is on its way. " + "It will be with you soon. " * 70 + "</p>"
LINES = "\r\n".join(["It is on its way, and will be with you soon, in about two days."] * 30)


def recipient(n: int) -> str:
    """Somebody whose domain could exist: mail to .example is never sent."""
    return people.recipient(n % RECIPIENTS).replace(".example", ".com")


def order(first: int, size: int) -> bytes:
    """A request of v5 to so many recipients, each with an attribute and an argument of their own."""
    return json.dumps({
        "from": {"email": SENDER, "name": "Acme"}, "subject": "Your order [%NUMBER%]", "tags": ["receipt"],
        "content": [{"type": "html", "value": TEXT}],
        "personalizations": [
            {
                "to": [{"email": recipient(first + n), "name": "Ann"}], "token_to": f"order-{first + n}",
                "attributes": {"NAME": "Ann", "NUMBER": str(first + n)},
            }
            for n in range(size)
        ],
    }).encode()  # fmt: skip


def run(emails: int) -> Result:
    """All ways in turn, each round anew."""
    account = seed(emails).account
    plain.make_tables(emails)
    key = _key(account)
    connections.close_all()
    found: dict[str, list[Round]] = {}
    plainly = {"DJANGO_SETTINGS_MODULE": "bench.plain_settings"}
    with servers.web() as (_pid, us), servers.web(plainly) as (_pid, it), _smtp() as door, _bare() as bare:
        ways = _ways(us, it, door, bare, key)
        for way in ways.values():
            way(WARM_UP_SECONDS)
        for _round in range(ROUNDS):
            for name, way in ways.items():
                found.setdefault(name, []).append(way(SECONDS))
    sizes = {f"HTTP, {size:,} a request": size for size in BATCHES} | {BASELINE: PLAIN_BATCH}
    baseline = _case(BASELINE, found.pop(BASELINE), PLAIN_BATCH)
    cases = [baseline, *(_case(name, rounds, sizes.get(name, 1), baseline) for name, rounds in found.items())]
    best = next(case for case in cases if case.name == f"HTTP, {PLAIN_BATCH} a request")
    assert best.ratio
    return Result(
        "submit", emails, best.ratio, best.per_second, best.p50_ms, best.p95_ms, best.p99_ms, cases=cases
    )  # fmt: skip


BASELINE = f"plain view through the ORM, {PLAIN_BATCH} a request"


def _ways(us: int, it: int, door: int, bare: int, key: str) -> dict[str, Callable[[float], Round]]:
    """What is measured: each drives so many seconds and tells what it found."""
    ways: dict[str, Callable[[float], Round]] = {}
    headers = {"Content-Type": "application/json", "api_key": key}
    for size in BATCHES:
        requests = _requests("/v5/mail/send", headers, size)
        ways[f"HTTP, {size:,} a request"] = lambda seconds, requests=requests: _http(us, requests, seconds)  # type: ignore[misc]
    requests = _requests("/send", headers, PLAIN_BATCH)
    ways[BASELINE] = lambda seconds: _http(it, requests, seconds)
    for count in (1, CONNECTIONS, 4 * CONNECTIONS):
        ways[f"SMTP, {count} connection{'s' * (count > 1)}"] = lambda seconds, count=count: _mail(
            door, key, count, seconds
        )  # type: ignore[misc]
    ways[f"bare aiosmtpd that keeps nothing, {CONNECTIONS} connections"] = lambda seconds: _mail(
        bare, "", CONNECTIONS, seconds
    )
    return ways


def _requests(path: str, headers: dict[str, str], size: int) -> list[bytes]:
    count = max(20, 2000 // size)
    return [load.post(path, headers, order(n * size, size)) for n in range(count)]


def _http(port: int, requests: list[bytes], seconds: float) -> Round:
    found = load.drive(port, requests, connections=CONNECTIONS, seconds=seconds)
    if found.refused or not found.took:
        raise SystemExit(f"The server did not accept a request: {found.refused[:1]}")
    return found


def _case(name: str, rounds: list[Round], size: int, baseline: Case | None = None) -> Case:
    """The median round's recipients per second, and the milliseconds of the requests of all rounds."""
    speed = quantile([one.per_second for one in rounds], 0.5) * size
    took = [seconds * 1000 for one in rounds for seconds in one.took]
    ratio = speed / baseline.per_second if baseline and baseline.per_second else None
    return Case(name, speed, quantile(took, 0.5), quantile(took, 0.95), quantile(took, 0.99), ratio=ratio)


def _key(account: Account) -> str:
    """A key that may send, and a domain to send from."""
    user = User.objects.create_user("load")
    membership = Membership.objects.create(account=account, user=user, role=Role.OWNER)
    SenderDomain.objects.create(
        account=account, name=SENDER.partition("@")[2], selector="lf", private_key={}, proven_at=timezone.now()
    )
    return keys.make_key(Access(account, membership), "load", [keys.Scope.SEND])[1]


# ---- SMTP -------------------------------------------------------------------------------------------------


def _mail(port: int, key: str, count: int, seconds: float) -> Round:
    """One message of 2 KB after the other over so many encrypted connections, as smtplib sends them."""
    found, numbers = Round(), itertools.count()
    start = threading.Barrier(count + 1)
    crew = [threading.Thread(target=_one, args=(port, key, numbers, seconds, start, found)) for _ in range(count)]
    for thread in crew:
        thread.start()
    start.wait()
    begin = time.perf_counter()
    for thread in crew:
        thread.join()
    found.seconds = time.perf_counter() - begin
    if found.refused or not found.took:
        raise SystemExit(f"The SMTP server did not accept a message: {found.refused[:1]}")
    return found


def _one(port: int, key: str, numbers: Iterator[int], seconds: float, start: threading.Barrier, found: Round) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client.starttls(context=context)
        if key:
            client.login("apikey", key)
        start.wait()
        end = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < end:
            n = next(numbers)
            head = f"From: Acme <{SENDER}>\r\nTo: {recipient(n)}\r\nSubject: Order {n}\r\nX-APIHEADER: {n}\r\n\r\n"
            try:
                client.sendmail(SENDER, recipient(n), head + LINES)
            except smtplib.SMTPException as error:
                found.refused.append(str(error))
                return
            found.took.append(time.perf_counter() - begin)


@contextmanager
def _smtp() -> Iterator[int]:
    """The product's SMTP server, by its own command."""
    port, command = servers.free_port(), commands.smtp()
    with _serving(port, Command(command.argv, {**command.environ, "SMTP_PORT": str(port)})):
        yield port


@contextmanager
def _bare() -> Iterator[int]:
    """aiosmtpd itself, which throws everything away: no server written with it takes more."""
    port, folder = servers.free_port(), Path(settings.LIVEFEEDS_HOME) / "smtp"
    certificate = our_own(folder, "localhost", timezone.now())
    words = ["--nosetuid", "--listen", f"127.0.0.1:{port}", "--class", "aiosmtpd.handlers.Sink"]
    tls = ["--tlscert", str(certificate.cert), "--tlskey", str(certificate.key)]
    with _serving(port, Command([sys.executable, "-m", "aiosmtpd", *words, *tls])):
        yield port


@contextmanager
def _serving(port: int, command: Command) -> Iterator[None]:
    told = Path(settings.LIVEFEEDS_HOME) / f"smtp-{port}.log"
    descriptor = os.open(told, os.O_WRONLY | os.O_CREAT)
    process = processes.start(command, output=descriptor)
    os.close(descriptor)
    try:
        servers.wait_for_port(process, port, told)
        yield
    finally:
        process.send_signal(command.stop)
        process.wait(timeout=20)

"""From the 200 of a webhook to the bytes of the row at everybody who watches, beside pages that ask every two seconds.

Two web processes and two workers, all by the product's own commands; 500 viewers with different filters; 1,000 events a
second in signed requests. In the middle one of the web processes is killed. At the end what each viewer has on their
page is compared with what the database says of their filter.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from bench import servers, someone, traffic, watchers
from bench.report import Case, Result, quantile
from bench.seed import seed
from bench.traffic import Traffic
from feeds import terms
from feeds.models import InboxDue, id_at
from feeds.query import Filter
from settings import processes
from settings.runner import commands
from webhooks.models import Source
from webhooks.signing import new_secrets

if TYPE_CHECKING:
    from accounts.models import Account

VIEWERS, RATE, MINUTES, PROCESSES = 500, 1000, 0.5, 2
POLLERS, POLL_SECONDS = 3, 2.0
# Until the last of it has come.
SETTLE_SECONDS, LONGEST_SETTLE = 4.0, 120.0
# After one of the processes was killed the others' viewers wait for a moment, and theirs come back.
OUTAGE_SECONDS = 8.0
MEGABYTE = 1024 * 1024


def question(i: int) -> str:
    """What the i-th viewer watches: no two the same."""
    kind, n = i % 20, i // 20
    if kind < 8:
        company, again = (n * 8 + kind) % traffic.COMPANIES, (n * 8 + kind) // traffic.COMPANIES
        return f"domain:company{company}.example" + (f" -tag:campaign-{again}" if again else "")
    if kind < 11:
        return f"from:news{(kind - 8) * 60 + n}@acme.example"
    if kind < 14:
        return f"to:{traffic.recipient((kind - 8) * 400 + n)}"
    return {
        14: f"person.{n + 10}",
        15: f"status:bounced domain:{traffic.DOMAINS[n % 3]} -person.{n}",
        16: f"tag:campaign-{n} status:opened,clicked",
        17: f"clicks:>0 from:news{n}",
        18: f'comment:"does not exist" to:person.{n}*',
        19: "" if n == 0 else f"subject:{n + 10}7",
    }[kind]


@dataclass
class Seen:
    """When the pages that ask saw which state of which email for the first time."""

    path: str
    cookie: str
    port: int
    first: dict[tuple[int, str], float] = field(default_factory=dict)

    def poll(self, ends: threading.Event) -> None:
        """Ask for the page every two seconds, as pages did before there were streams."""
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not ends.wait(POLL_SECONDS):
            try:
                asking.request(
                    "GET",
                    self.path,
                    headers={"Cookie": self.cookie, "HX-Request": "true", "HX-Target": "results"},
                )
                html = asking.getresponse().read().decode()
            except (OSError, http.client.HTTPException):
                asking.close()
                continue
            at = time.monotonic()
            for found in filter(None, map(watchers.ROW.match, html.replace("<tr ", "\0<tr ").split("\0"))):
                self.first.setdefault((int(found[4]), found[3]), at)
        asking.close()


@contextmanager
def polled(port: int, slug: str, cookie: str) -> Iterator[list[Seen]]:
    """Some pages that ask, while the block lasts."""
    ends = threading.Event()
    found = [
        Seen(f"{reverse('feed', args=[slug])}?{urlencode({'q': question(n * 20)})}", cookie, port)
        for n in range(POLLERS)
    ]
    crew = [threading.Thread(target=one.poll, args=(ends,), daemon=True) for one in found]
    for thread in crew:
        thread.start()
        time.sleep(POLL_SECONDS / POLLERS)
    try:
        yield found
        time.sleep(POLL_SECONDS)
    finally:
        ends.set()
        for thread in crew:
            thread.join()


@contextmanager
def working() -> Iterator[None]:
    """The workers that read the inbox."""
    command = commands.worker("ingest", settings.WORKERS)
    process = processes.start(command, output=None)
    try:
        yield
    finally:
        process.send_signal(command.stop)
        process.wait(timeout=30)


@contextmanager
def watching(port: int, slug: str, cookie: str, viewers: int) -> Iterator[subprocess.Popen[str]]:
    """All who watch, once they are connected."""
    paths = [f"{reverse('feed-stream', args=[slug])}?{urlencode({'q': question(i)})}" for i in range(viewers)]
    asked = {"port": port, "cookie": cookie, "paths": paths, "folder": str(settings.LIVEFEEDS_HOME)}
    argv = [sys.executable, "-m", "bench.watchers"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            if process.stdout.readline() != "ready\n":
                raise SystemExit("The viewers could not connect.")
            yield process
        finally:
            process.kill()


class Web:
    """The web processes behind the one that started them."""

    def __init__(self, pid: int) -> None:
        self.leader = psutil.Process(pid)
        self.peak = 0.0
        self.survivor = self.members()[0]

    def members(self) -> list[psutil.Process]:
        """Those that serve, the largest first: beside them there is one that only cleans up."""
        found = [
            one for one in self.leader.children() if "multiprocessing.resource_tracker" not in " ".join(one.cmdline())
        ]
        return sorted(found, key=lambda one: -one.memory_info().rss)

    def memory(self) -> float:
        """MB of the one that lives from the beginning to the end."""
        for one in self.members():
            self.peak = max(self.peak, one.memory_info().rss / MEGABYTE)
        return float(self.survivor.memory_info().rss / MEGABYTE)

    def kill_one(self) -> None:
        """As the kernel would that runs out of memory."""
        next(one for one in self.members() if one != self.survivor).kill()


def run(
    emails: int, viewers: int = VIEWERS, rate: int = RATE, minutes: float = MINUTES, processes: int = PROCESSES
) -> Result:
    """Let it all happen, and compare."""
    account = seed(emails).account
    _access, cookie = someone.looks_at(account)
    ours, sender = new_secrets("plain")
    source = Source.objects.create(account=account, name="load", provider="plain", secrets=ours)
    begun = timezone.now()
    # The rows name the sprite of icons.
    call_command("collectstatic", interactive=False, verbosity=0)
    connections.close_all()
    seconds = minutes * 60
    with servers.web({"WEB_WORKERS": str(processes)}) as (pid, port), working():
        web = Web(pid)
        with watching(port, account.slug, cookie, viewers) as process:
            with polled(port, account.slug, cookie) as pages, Traffic(port, source, sender, rate) as posting:
                time.sleep(min(60, seconds * 0.2))
                early = web.memory()
                time.sleep(max(0.0, seconds / 2 - min(60, seconds * 0.2)))
                middle, killed = web.memory(), time.monotonic()
                if processes > 1:
                    web.kill_one()
                time.sleep(seconds / 2)
            settle()
            late = web.memory()
            process.communicate("end\n")
    found = json.loads((settings.LIVEFEEDS_HOME / "watchers.json").read_text())
    missed = compare(account, found, id_at(begun))
    told(found, missed, posting, (early, middle, late))
    return result(emails, posting, pages, found, killed if processes > 1 else 0.0, web.peak)


def settle() -> None:
    """Until all of it is read, and everybody had the time to be told."""
    deadline = time.monotonic() + LONGEST_SETTLE
    while InboxDue.objects.exists():
        if time.monotonic() > deadline:
            raise SystemExit("The workers do not keep up with so many events on this machine: lower --rate.")
        time.sleep(0.2)
    connections.close_all()
    time.sleep(SETTLE_SECONDS)


def compare(account: Account, found: Sequence[dict[str, Any]], since: int) -> int:
    """How many rows are on somebody's page and should not be, or the other way round. Whoever was told to read the page
    afresh is left out: they do."""
    wrong = 0
    with connection.cursor() as cursor:
        for i, one in enumerate(found):
            if one["refreshed"]:
                continue
            text, values = terms.resolve(Filter.parse(question(i)), account, timezone.now()).sql()
            cursor.execute(
                f"select id::text, extract(epoch from updated_at)::text from feeds_email where {text} and id >= %s",
                [*values, since],
            )
            wanted = dict(cursor.fetchall())
            wrong += sum(wanted.get(email_id) != one["rows"].get(email_id) for email_id in wanted.keys() | one["rows"])
    return wrong


def told(found: Sequence[dict[str, Any]], missed: int, posting: Traffic, memory: Sequence[float]) -> None:
    """What a table cannot hold."""
    repeats, resumed = (sum(one[name] for one in found) for name in ("repeats", "resumed"))
    storms = sum(bool(one["refreshed"]) for one in found)
    print(f"\n{len(posting.accepted):,} events accepted, none more than {posting.late:.1f} s behind its time")
    print(
        f"{len(found)} viewers: {missed} rows missed or wrong, {repeats} repeated;"
        f" {resumed} connections resumed, {storms} viewers in a storm"
    )
    early, middle, late = memory
    print(
        f"memory of the web process that lived on: {early:.0f} MB early, {middle:.0f} MB before the other was killed,"
        f" {late:.0f} MB at the end, with all viewers"
    )
    if missed or repeats:
        print("This must not be: rows were missed or repeated.")


def result(
    emails: int, posting: Traffic, pages: Sequence[Seen], found: Sequence[dict[str, Any]], killed: float, peak: float
) -> Result:
    """The times of all who watch, and of those who ask; apart from them what was told while a process was away."""
    accepted, names = posting.accepted, watchers.STATUSES
    by: dict[str, list[float]] = defaultdict(list)

    def kind(at: float, storm: bool = False) -> str:
        return "outage" if killed <= at < killed + OUTAGE_SECONDS else "storm" if storm else "calm"

    for viewer, n, status, at in watchers.load(settings.LIVEFEEDS_HOME):
        if begun := accepted.get((n, names[status])):
            by[kind(begun, bool(found[viewer]["refreshed"]))].append((at - begun) * 1000)
    asked = [(at - accepted[one]) * 1000 for page in pages for one, at in page.first.items()
             if one in accepted and kind(accepted[one]) != "outage"]  # fmt: skip
    baseline = case("pages that ask every 2 s", asked)
    everybody = case("streams", by["calm"] + by["storm"], baseline)
    cases = [baseline, everybody, case("streams, but those in a storm", by["calm"], baseline)]
    if by["outage"]:
        cases.append(case(f"streams, {OUTAGE_SECONDS:.0f} s from the kill on", by["outage"]))
    return Result(
        "live", emails, everybody.ratio or 0.0, p50_ms=everybody.p50_ms, p95_ms=everybody.p95_ms,
        p99_ms=everybody.p99_ms, peak_mb=peak, cases=cases,
    )  # fmt: skip


def case(name: str, took: list[float], baseline: Case | None = None) -> Case:
    """The times of a way, in milliseconds; the ratio is of the 95th."""
    p50, p95, p99 = (quantile(took, share) for share in (0.5, 0.95, 0.99))
    return Case(
        name, p50_ms=p50, p95_ms=p95, p99_ms=p99, ratio=baseline.p95_ms / p95 if baseline and baseline.p95_ms else None
    )

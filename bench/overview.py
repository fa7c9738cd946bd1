"""Milliseconds of the overview's pages over HTTP, beside counting the same emails anew.

The baseline is what the figures would cost without rollups: one statement over the emails of the time, for the figures
alone. The pages come from the product's own web command, whole, and include charts and tables.
"""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from bench import servers, someone
from bench.report import Case, Result, quantile
from bench.seed import stored
from feeds import periods
from feeds.cohorts import MEASURES, STATUSES, counts
from feeds.models import id_at

if TYPE_CHECKING:
    from accounts.models import Account

ROUNDS = 30
ANEW_ROUNDS = 3
HEADLINE = "28 days"
PAGES = {
    "24 hours": "range=24h",
    "7 days": "range=7d",
    HEADLINE: "range=28d",
    "90 days": "range=90d",
    "28 days, domains": "range=28d&by=domain",
    "28 days, domains by bounces": "range=28d&by=domain&sort=bounced",
    "90 days, domains by bounces": "range=90d&by=domain&sort=bounced",
}
ANEW = f"select {counts(MEASURES | STATUSES)} from feeds_email where account_id = %s and id >= %s"


def run(emails: int) -> Result:
    """Every page in turn, so many times, for an account with so many emails."""
    account = stored(emails)
    # Pages name their styles by what the collected files hold.
    call_command("collectstatic", interactive=False, verbosity=0)
    _access, cookie = someone.looks_at(account)
    anew = counted_anew(account)
    connections.close_all()
    path = reverse("overview", args=[account.slug])
    taken: dict[str, list[float]] = {name: [] for name in PAGES}
    with servers.web() as (_pid, port):
        for _round in range(ROUNDS + 1):
            for name, query in PAGES.items():
                taken[name].append(fetch(port, f"{path}?{query}", cookie))
    cases = []
    for name, times in taken.items():
        # The first of each finds nothing in memory yet.
        steady = times[1:]
        median = quantile(steady, 0.5)
        cases.append(Case(name, p50_ms=median, p95_ms=quantile(steady, 0.95), ratio=anew / median))
    best = next(case for case in cases if case.name == HEADLINE)
    return Result(
        "overview", emails, best.ratio or 0, p50_ms=best.p50_ms, p95_ms=best.p95_ms,
        cases=[Case("28 days counted anew, figures alone", p50_ms=anew), *cases],
    )  # fmt: skip


def counted_anew(account: Account) -> float:
    """How long (ms) the figures of 28 days take without rollups."""
    now = timezone.now()
    since = periods.midnight(now.astimezone(account.zone).date() - periods.DAY * 27, account.zone)
    taken = []
    with connection.cursor() as cursor:
        for _round in range(ANEW_ROUNDS):
            begin = time.perf_counter()
            cursor.execute(ANEW, [account.id, id_at(since)])
            cursor.fetchall()
            taken.append(1000 * (time.perf_counter() - begin))
    return quantile(taken, 0.5)


def fetch(port: int, path: str, cookie: str) -> float:
    """How long (ms) a whole page takes."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        begin = time.perf_counter()
        client.request("GET", path, headers={"Host": "localhost", "Cookie": cookie})
        response = client.getresponse()
        body = response.read()
        taken = time.perf_counter() - begin
    finally:
        client.close()
    if response.status != http.client.OK or b'id="figures"' not in body:
        raise SystemExit(f"The overview was not shown: {response.status}")
    return 1000 * taken

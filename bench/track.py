"""Opens and clicks answered per second, and how long they take at 500 a second, beside a bare ASGI application.

Ours checks the token, stores the hit and answers when it is committed. The baseline sends 43 bytes. Both are served by
the product's own command. At the end: how long it takes to put tracking into an email of 300 links.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import connections

from bench import many, servers
from bench.report import Case, Result, quantile
from bench.seed import seed
from feeds.models import Email, InboxDue
from tracking import rewriting
from tracking.switches import Switches
from tracking.tokens import Signer, Target

if TYPE_CHECKING:
    from bench.load import Round

CONNECTIONS, ROUNDS, SECONDS, WARM_UP_SECONDS = 256, 5, 3.0, 1.5
RATE, RATE_SECONDS = 500.0, 12.0
EMAILS = 2000
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18 Safari/605"
LINKS, TIMES = 300, 30


def get(path: str) -> bytes:
    """A whole request as a mail program sends it."""
    lines = ("Host: links.example.com", f"User-Agent: {AGENT}", "Accept: image/*,*/*;q=0.8", "Accept-Language: en-GB",
             "Accept-Encoding: gzip, deflate, br", "Connection: keep-alive")  # fmt: skip
    return f"GET {path} HTTP/1.1\r\n{'\r\n'.join(lines)}\r\n\r\n".encode()


def run(emails: int) -> Result:
    """The ways in turn, each round anew."""
    account = seed(emails).account
    signers = [Signer(account.id, id_) for id_ in Email.objects.values_list("id", flat=True)[:EMAILS]]
    connections.close_all()
    pixels = [get(signer.pixel()) for signer in signers]
    links = [get(s.link(Target.of(f"https://shop.example/orders/{n}?from=mail"))) for n, s in enumerate(signers)]
    found: dict[str, list[Round]] = {"bare": [], "pixel": [], "link": []}
    with servers.web() as (_pid, us), servers.web(application="bench.bare:application") as (_pid, it):
        ways = {"bare": (it, pixels), "pixel": (us, pixels), "link": (us, links)}
        for port, requests in ways.values():
            many.drive(port, requests, connections=CONNECTIONS, seconds=WARM_UP_SECONDS)
        for _round in range(ROUNDS):
            for name, (port, requests) in ways.items():
                found[name].append(many.drive(port, requests, connections=CONNECTIONS, seconds=SECONDS))
        InboxDue.objects.all().delete()
        connections.close_all()
        paced = {
            name: many.drive(port, requests, connections=CONNECTIONS, seconds=RATE_SECONDS, per_second=RATE)
            for name, (port, requests) in ways.items()
        }
    baseline = _case("a bare ASGI application", found["bare"])
    pixel, link = _case("pixel", found["pixel"], baseline), _case("link", found["link"], baseline)
    slow = [_case(f"{name} at {RATE:.0f} a second", [paced[name]]) for name in ("bare", "pixel", "link")]
    worst = min((pixel, link), key=lambda case: case.ratio or 0)
    latest = max(slow[1:], key=lambda case: case.p99_ms or 0)
    assert worst.ratio
    cases = [baseline, pixel, link, *slow, *_rewriting()]
    return Result(
        "track", emails, worst.ratio, worst.per_second, latest.p50_ms, latest.p95_ms, latest.p99_ms, cases=cases
    )  # fmt: skip


def _case(name: str, rounds: list[Round], baseline: Case | None = None) -> Case:
    """The median round's speed, and the times of the requests of all rounds."""
    speed = quantile([one.per_second for one in rounds], 0.5)
    took = [seconds * 1000 for one in rounds for seconds in one.took]
    ratio = speed / baseline.per_second if baseline and baseline.per_second else None
    return Case(name, speed, quantile(took, 0.5), quantile(took, 0.95), quantile(took, 0.99), ratio=ratio)


def _rewriting() -> list[Case]:
    """An email of 21 KB and 300 links, read anew each time and as one of many alike; processor time."""
    rows = "".join(f'<p class="item"><a href="https://shop.example/{n}">See item {n}</a></p>\n' for n in range(LINKS))
    html = f"<!DOCTYPE html><html><body>{rows}</body></html>"
    cases = []
    for name, alike in (("an email of 300 links, the first", False), ("and the next of the same text", True)):
        took = []
        for n in range(TIMES):
            if not alike:
                rewriting.forget()
            begin = time.thread_time()
            rewriting.tracked(html, "", switches=Switches(), email_id=n, account_id=1)
            took.append((time.thread_time() - begin) * 1000)
        cases.append(Case(name, 1000 / quantile(took, 0.5), quantile(took, 0.5), quantile(took, 0.95)))
    return cases

"""While the database is away, links lead where they lead; when it is back, every hit is in the feed, once."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes.site import ROOT, Site, running_site, wait_until

pytestmark = pytest.mark.processes

HITS, VISITORS = 1000, 20
# Emails of the first account, and the addresses in them.
SEND = """
import json
from accounts.models import Account
from feeds.events import Arrival, Event, Kind
from feeds.lifecycle import record
from django.utils import timezone
from tracking.tokens import Signer, Target
account, now = Account.objects.first(), timezone.now()
told = [Event(Kind.DELIVERED, f"m{n}", f"p{n}@example.com", now, event_id="d") for n in range(100)]
ids = sorted(record([Arrival(account.id, -account.id, now, told)], with_ids=True).ids.values())
signers = [Signer(account.id, id_) for id_ in ids]
print(json.dumps([[s.pixel() for s in signers], [s.link(Target.of("https://example.com/a?b=c#d")) for s in signers]]))
"""
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def addresses(site: Site) -> tuple[list[str], list[str]]:
    shell = [sys.executable, "manage.py", "shell", "--no-imports", "-c", SEND]
    said = subprocess.run(shell, cwd=ROOT, env=site.environ, capture_output=True, text=True, check=True).stdout
    pixels, links = json.loads(said.splitlines()[-1])
    return pixels, links


def visit(site: Site, paths: list[str]) -> list[tuple[int, str]]:
    """What each of these is answered, over one connection."""
    client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    answers = []
    for path in paths:
        client.request("GET", path, headers={"User-Agent": AGENT, "Accept-Language": "en"})
        answer = client.getresponse()
        answer.read()
        answers.append((answer.status, answer.headers.get("Location") or answer.headers["Content-Type"]))
    client.close()
    return answers


def test_without_the_database_all_are_answered_and_with_it_all_are_in_the_feed(site: Site) -> None:
    pixels, links = addresses(site)
    site.stop_postgres()
    asked = [(pixels if n % 2 else links)[n // 2 % 100] for n in range(2 * HITS)]
    with ThreadPoolExecutor(VISITORS) as visitors:
        answers = list(visitors.map(lambda n: visit(site, asked[n::VISITORS]), range(VISITORS)))
    told = [one for some in answers for one in some]
    assert sorted(set(told)) == [(200, "image/gif"), (302, "https://example.com/a?b=c#d")]
    assert told.count((200, "image/gif")) == HITS
    wait_until(lambda: bool(site.spooled), 20, "hits are spooled")
    site.start_postgres()
    wait_until(lambda: not site.spooled, 60, "the spool is read in")
    hits = "select count(*) from feeds_event where kind in (4, 5, 21, 22)"
    wait_until(lambda: site.count(hits) >= 2 * HITS, 60, "the hits are in the feed")
    wait_until(lambda: not site.count("select count(*) from feeds_inbox_due"), 20, "the inbox is read")
    assert site.count("select count(*) from feeds_event where kind in (4, 21)") == HITS
    assert site.count("select count(*) from feeds_event where kind in (5, 22)") == HITS
    assert site.count("select sum(opens + machine_opens + clicks + machine_clicks) from feeds_email") == 2 * HITS

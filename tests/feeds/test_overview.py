"""The overview, at the door: every number is a link to exactly the emails it counts."""

from __future__ import annotations

import html
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Role
from feeds import overview, rollups
from feeds.cohorts import Dimension
from feeds.events import Bounce, Event, Kind
from feeds.lifecycle import record
from feeds.models import SourceHour
from feeds.query import Filter
from feeds.terms import resolve
from tests import make
from webhooks.models import Source

pytestmark = pytest.mark.django_db
LINKED = re.compile(r'<a [^>]*href="([^"]*\?q=[^"]*)"[^>]*>([\d,]+)</a>')
BAR = re.compile(r'<a class="chart-bar[^"]*" href="([^"]*)"[^>]*><title>([^<]*)</title>')
SENDERS = ("shop@acme.test", "news@acme.test", "")
DOMAINS = ("example.com", "example.org", "mail.example.net")
ANSWERS = ("550 5.1.1 No such user", "552 5.2.2 mailbox full", "554 5.7.1 blocked, see https://x.test/7")


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/St_Johns")


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


def happen(source: Source, *kinds: Kind, recipient: str = "bob@example.com", ago: float = 60, **fields: Any) -> None:
    """One more email, to which all of this happened so many seconds ago."""
    at = fields.pop("at", None) or timezone.now() - timedelta(seconds=ago)
    fields = {"message_id": f"m{random.random()}", "occurred_at": at, **fields}
    record([make.arrival(source, *(make.event(kind, recipient, **fields) for kind in kinds), received_at=at)])


def live(source: Source, count: int, days: float, seed: int = 1) -> None:
    """Many emails of the last days, to which all sorts of things happened."""
    chance = random.Random(seed)
    now = timezone.now()
    arrivals = []
    for n in range(count):
        at = now - timedelta(days=chance.uniform(0, days))
        kinds = [Kind.PROCESSED, *chance.sample(list(Kind), k=chance.randint(0, 4))]
        sender, to = chance.choice(SENDERS), f"p{n % 30}@{chance.choice(DOMAINS)}"
        told = [
            Event(
                kind=kind, message_id=f"m{n}", recipient=to, sender=sender,
                occurred_at=min(now, at + timedelta(minutes=i)), bounce=Bounce.SOFT,
                comment=chance.choice(ANSWERS) if kind in (Kind.BOUNCED, Kind.DROPPED, Kind.DEFERRED) else "",
            )
            for i, kind in enumerate(kinds)
        ]  # fmt: skip
        arrivals.append(make.arrival(source, *told, received_at=min(now, at + timedelta(minutes=9))))
    record(arrivals)


def page(client: Client, account: Account, query: str = "") -> str:
    response = client.get(f"/a/{account.slug}/overview/?{query}")
    assert response.status_code == 200
    return response.content.decode()


def text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def found(account: Account, address: str) -> int:
    """How many emails the feed has for the filter of an address."""
    asked = parse_qs(urlsplit(html.unescape(address)).query).get("q", [""])[0]
    wanted = Filter.parse(asked)
    assert wanted.text == asked, "links are written as the feed writes them"
    condition, values = resolve(wanted, account, timezone.now()).sql()
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from feeds_email where {condition}", values)
        return int(cursor.fetchone()[0])


# ---- Every figure is a question ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    ["range=24h", "range=7d", "range=28d&by=domain", "range=28d&by=domain&sort=bounced", "range=7d&sort=opened",
     "range=days&from={}&to={}"],
)  # fmt: skip
def test_every_number_is_the_number_of_emails_its_link_finds(
    client: Client, acme: Account, src: Source, query: str
) -> None:
    live(src, 150, 12)
    other = make.source(make.account())
    live(other, 20, 2)
    today = timezone.localdate(timezone=acme.zone)
    markup = page(client, acme, query.format(today - timedelta(days=3), today - timedelta(days=1)))
    linked = LINKED.findall(markup)
    assert len(linked) > 40
    for address, told in linked:
        assert found(acme, address) == int(told.replace(",", "")), address


def test_every_bar_leads_to_the_emails_it_stands_for(client: Client, acme: Account, src: Source) -> None:
    live(src, 80, 7)
    bars = BAR.findall(page(client, acme, "range=7d"))
    assert len(bars) == 70
    for address, title in bars:
        told = re.search(r": ([\d,]+) ", title)
        assert told, title
        assert found(acme, address) == int(told[1])


def test_the_feed_itself_shows_as_many_emails_as_the_figure_says(client: Client, acme: Account, src: Source) -> None:
    live(src, 40, 5)
    markup = page(client, acme, "range=7d")
    for address, told in LINKED.findall(markup)[:12]:
        response = client.get(html.unescape(address))
        assert len(response.context["page"].emails) == int(told)


def test_hours_a_clock_shows_twice_are_told_apart(client: Client, acme: Account, src: Source) -> None:
    Account.objects.update(time_zone="Europe/Paris", retention_days=3650)
    acme.refresh_from_db()
    for n, at in enumerate([datetime(2025, 10, 26, 0, 10, tzinfo=UTC), datetime(2025, 10, 26, 1, 10, tzinfo=UTC)]):
        for _each in range(n + 1):
            happen(src, Kind.DELIVERED, at=at)
    markup = page(client, acme, "from=2025-10-26&to=2025-10-26")
    bars = BAR.findall(markup)[:25]
    assert [found(acme, address) for address, _title in bars] == [0, 0, 1, 2, *[0] * 21]
    assert "02:00 CEST: 1 email," in markup
    assert "02:00 CET: 2 emails" in markup


# ---- What is told -----------------------------------------------------------------------------------------


def test_shares_are_told_with_what_they_are_of(client: Client, acme: Account, src: Source) -> None:
    for n in range(4):
        happen(src, Kind.DELIVERED, *([Kind.OPENED] if n < 1 else [Kind.MACHINE_OPENED]))
    happen(src, Kind.BOUNCED)
    told = text(page(client, acme))
    assert "Delivered 4 80.0% of 5 emails" in told
    assert "Opened by people 1 25.0% of 4 delivered" in told
    assert "4 100.0% with machines" in told
    assert "Bounced 1 20.0% of 5 emails" in told


def test_a_share_of_less_than_there_is_is_not_told(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.OPENED)
    assert "Opened by people 1 no rate: 0 delivered" in text(page(client, acme))


def test_shares_are_compared_with_the_time_before_in_points(client: Client, acme: Account, src: Source) -> None:
    for _each in range(4):
        happen(src, Kind.DELIVERED, Kind.OPENED, ago=60)
        happen(src, Kind.DELIVERED, ago=8 * 86_400)
    happen(src, Kind.DELIVERED, Kind.OPENED, ago=8 * 86_400)
    told = text(page(client, acme, "range=7d"))
    assert "Opened by people 4 100.0% of 4 delivered +80.0 points" in told
    assert "the 7 days before: 5, 20% fewer now" in told


def test_reasons_are_grouped_and_explained(client: Client, acme: Account, src: Source) -> None:
    for n in range(3):
        happen(src, Kind.BOUNCED, comment=f"550 5.1.1 <p{n}@example.com>: User unknown", bounce=Bounce.HARD)
    happen(src, Kind.DEFERRED, comment="452 4.2.2 mailbox full")
    told = text(page(client, acme))
    assert "3 550 5.1.1 <address>: User unknown There is no mailbox of this name at this domain." in told
    assert "Still waiting, of the emails of this time: 1 . Refused for now and tried again: 1 ." in told
    assert "1 452 4.2.2 mailbox full The mailbox is full." in told


def test_sources_are_told_with_how_late_they_are(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.DELIVERED, ago=30)
    SourceHour.objects.update(late_ms=4000, waited_ms=300)
    told = text(page(client, acme))
    assert "Signing secret. From the event to here: 4 seconds on average." in told
    assert "From here to the feed: 300 milliseconds." in told


def test_what_servers_answer_is_never_markup(client: Client, acme: Account, src: Source) -> None:
    happen(src, Kind.BOUNCED, comment="<script>alert(1)</script>", sender='"><img src=x>@acme.test')
    markup = page(client, acme)
    assert "<script>alert" not in markup
    assert "<img src=x" not in markup


def test_senders_and_domains_that_are_not_known_lead_to_their_emails(
    client: Client, acme: Account, src: Source
) -> None:
    happen(src, Kind.DELIVERED, sender="", recipient="")
    for by in ("sender", "domain"):
        markup = page(client, acme, f"by={by}")
        row = re.search(r'<th scope="row"><a href="([^"]*)">not known</a>', markup)
        assert row
        assert found(acme, row[1]) == 1


def test_a_share_ranks_only_those_with_enough_to_be_a_share_of(acme: Account, src: Source) -> None:
    assert overview.least_for(overview.BOUNCED, 50_000) == 50
    for _each in range(3):
        happen(src, Kind.BOUNCED, sender="often@acme.test")
        happen(src, Kind.DELIVERED, sender="often@acme.test")
    happen(src, Kind.BOUNCED, sender="once@acme.test")
    today = timezone.localdate(timezone=acme.zone)
    days = overview.Days(today - timedelta(days=1), today, acme.zone)
    ranked = [
        [row.name for row in overview.top(acme.id, Dimension.SENDER, days, overview.BOUNCED, least).rows]
        for least in (1, 2)
    ]
    assert ranked == [["once@acme.test", "often@acme.test"], ["often@acme.test"]]


def test_a_ranking_looks_back_so_far_and_counts_all_days(acme: Account, src: Source) -> None:
    for ago, senders in ((86_400, "abcd"), (60, "cd")):
        for sender in senders:
            happen(src, Kind.DELIVERED, sender=f"{sender}@acme.test", ago=ago)
    today = timezone.localdate(timezone=acme.zone)
    days = overview.Days(today - timedelta(days=3), today, acme.zone)
    found = overview.top(acme.id, Dimension.SENDER, days, look=1)
    assert [(row.name, row.sums["emails"]) for row in found.rows] == [("c@acme.test", 2), ("d@acme.test", 2)]
    assert found.ranked_since == today
    assert overview.top(acme.id, Dimension.SENDER, days).ranked_since is None


def test_while_days_are_of_another_zone_the_page_says_so_and_still_counts_right(
    client: Client, acme: Account, src: Source
) -> None:
    live(src, 60, 5)
    Account.objects.update(time_zone="Asia/Tokyo")
    acme.refresh_from_db()
    markup = page(client, acme)
    assert "still counted in the zone America/St_Johns" in markup
    for address, told in LINKED.findall(markup):
        assert found(acme, address) == int(told)
    rollups.follow_zones()
    assert "still counted" not in page(client, acme)


# ---- The way in -------------------------------------------------------------------------------------------


def test_an_empty_time_says_so(client: Client, acme: Account) -> None:
    told = text(page(client, acme))
    assert "No emails in this time" in told
    assert "There are none in these days." in told


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("range=ever", "There is no such time."),
        ("from=2026-13-01", "“2026-13-01” is not a day."),
        ("from=2026-03-05&to=2026-03-01", "The last day is before the first one. Swap them."),
    ],
)
def test_an_unclear_time_is_answered_with_what_to_do(client: Client, acme: Account, query: str, sentence: str) -> None:
    response = client.get(f"/a/{acme.slug}/overview/?{query}")
    assert response.status_code == 400
    assert sentence in text(response.content.decode())


@pytest.mark.parametrize(
    "query", ["by=reason", "by=domain&sort=id;drop", "sort=emails&by=sender&range=7d", "from=&to="]
)
def test_what_is_not_understood_of_a_table_is_left_out(client: Client, acme: Account, src: Source, query: str) -> None:
    happen(src, Kind.DELIVERED)
    page(client, acme, query)


def test_older_emails_than_are_kept_are_not_counted(client: Client, acme: Account, src: Source) -> None:
    live(src, 60, 25)
    Account.objects.update(retention_days=5)
    acme.refresh_from_db()
    markup = page(client, acme, "range=28d")
    assert "Emails are kept for 5 days" in text(markup)
    for address, told in LINKED.findall(markup):
        assert found(acme, address) == int(told)


def test_another_account_does_not_exist(client: Client) -> None:
    other = make.account("Other")
    assert client.get(f"/a/{other.slug}/overview/").status_code == 404


def test_the_number_of_queries_does_not_grow(client: Client, acme: Account, src: Source) -> None:
    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            page(client, acme, query)
        return len(seen)

    live(src, 10, 3)
    few = queries("range=7d")
    live(src, 200, 20, seed=2)
    assert queries("range=28d&by=domain") <= few + 2
    assert few <= 21

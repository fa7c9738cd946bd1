"""The form around the query box, at the door: what it shows, what it counts, and where it leads."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Role
from feeds.events import Kind
from feeds.lifecycle import record
from tests import make
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


def happen(source: Source, kind: Kind, recipient: str) -> None:
    event = make.event(kind, recipient, message_id=f"m-{recipient}", occurred_at=timezone.now() - timedelta(minutes=1))
    record([make.arrival(source, event, received_at=timezone.now())])


def text(response: Any) -> str:
    return " ".join(str(response.content.decode()).split())


@pytest.mark.parametrize(
    ("query", "tidy"),
    [
        ("q=BOB+", "?q=bob"),
        ("status=bounced&status=delivered", "?q=status%3Adelivered%2Cbounced"),
        ("q=bob&was=bob&status=&since=2026-03-01&until=2026-03-02", "?q=bob+after%3A2026-03-01+before%3A2026-03-03"),
        ("q=bob+status%3Asent&was=bob+status%3Asent&since=&until=", "?q=bob"),
        ("q=&was=&since=&until=", ""),
        ("status=sent&before=7&open=8", "?q=status%3Asent&before=7&open=8"),
    ],
)
def test_what_the_controls_say_ends_up_in_the_query(client: Client, acme: Account, query: str, tidy: str) -> None:
    assert client.get(f"/a/{acme.slug}/?{query}")["Location"] == f"/a/{acme.slug}/{tidy}"


def test_box_chips_and_days_say_the_same_as_the_address(client: Client, acme: Account) -> None:
    page = text(client.get(f"/a/{acme.slug}/?q=bob+status%3Asent+after%3A2026-03-01+before%3A2026-03-03"))
    assert page.count('value="bob status:sent after:2026-03-01 before:2026-03-03"') == 2
    assert re.findall(r'value="(\w+)" checked', page) == ["sent"]
    assert 'name="since" value="2026-03-01"' in page
    assert 'name="until" value="2026-03-02"' in page
    assert "03/01/2026 – 03/02/2026" in page


def test_the_unclear_part_is_marked_where_it_stands(client: Client, acme: Account) -> None:
    page = text(client.get(f"/a/{acme.slug}/?q=<b>+status:bouncd+x"))
    assert "&lt;b&gt; status:<mark>bouncd</mark> x</code>" in page
    assert 'aria-invalid="true"' in page
    assert 'value="&lt;b&gt; status:bouncd x"' in page


def test_every_example_of_how_to_search_is_a_search(client: Client, acme: Account) -> None:
    page = text(client.get(f"/a/{acme.slug}/"))
    urls = re.findall(r'<a href="([^"]+)"><code>', page)
    assert len(urls) > 20
    for url in urls:
        assert client.get(unescape(url), follow=True).status_code == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("bob", "Any time"),
        ("since:24h", "Last 24 hours"),
        ("since:3h", "Last 3h"),
        ("after:2026-03-01", "From 03/01/2026"),
        ("before:2026-03-02", "Until 03/01/2026"),
        ("after:2026-03-01 before:2026-03-02", "03/01/2026"),
        ("-after:2026-03-01", "Some of the time"),
    ],
)
def test_the_span_of_time_is_said_in_words(client: Client, acme: Account, query: str, words: str) -> None:
    page = text(client.get(f"/a/{acme.slug}/", {"q": query}))
    assert f'<span class="menu-name">{words}</span>' in page


def test_spans_of_time_keep_the_rest_of_the_query(client: Client, acme: Account) -> None:
    page = text(client.get(f"/a/{acme.slug}/?q=bob+since%3A7d"))
    for query in ("bob", "bob+since%3A24h", "bob+since%3A30d"):
        assert f'href="/a/{acme.slug}/?q={query}"' in page
    today = timezone.localdate(timezone=acme.zone)
    assert f'href="/a/{acme.slug}/?q=bob+after%3A{today}"' in page


# ---- How many -------------------------------------------------------------------------------------------------


def numbers(page: str) -> dict[str, str]:
    return {name: n.strip() for name, n in re.findall(r'id="n-(\w+)"[^>]*>([^<]*)<', page) if n.strip()}


def test_chips_tell_how_many_emails_have_each_status(client: Client, acme: Account, src: Source) -> None:
    for n in range(3):
        happen(src, Kind.DELIVERED, f"p{n}@example.com")
    happen(src, Kind.BOUNCED, "ben@example.org")
    page = text(client.get(f"/a/{acme.slug}/?q=status%3Abounced"))
    assert numbers(page) | {"delivered": "3", "bounced": "1", "spam": "0"} == numbers(page)
    assert ">1 email</span>" in page
    assert "they are counted while they come in" in page
    assert "data-late" not in page


def test_what_takes_time_to_count_comes_later(client: Client, acme: Account, src: Source) -> None:
    for n in range(3):
        happen(src, Kind.DELIVERED, f"p{n}@example.com")
    page = text(client.get(f"/a/{acme.slug}/?q=example.com"))
    assert numbers(page) == {}
    url = f"/a/{acme.slug}/counts/?q=example.com"
    assert f'data-url="{url}"' in page
    assert "data-late" in page
    later = text(client.get(url))
    assert numbers(later)["delivered"] == "3"
    assert ">3 emails</span>" in later
    assert "they were counted just now" in later
    assert client.get(f"/a/{acme.slug}/counts/?q=status%3Anone").status_code == 204


def test_a_number_that_is_not_exact_says_so(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.counts.CAP", 2)
    for n in range(4):
        happen(src, Kind.DELIVERED, f"p{n}@example.com")
    later = text(client.get(f"/a/{acme.slug}/counts/?q=example.com"))
    assert ">2+ emails</span>" in later
    assert "At least so many" in later

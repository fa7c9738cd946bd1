"""What is offered to somebody who writes a query."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account
from feeds import spot
from feeds.events import Kind
from feeds.lifecycle import record
from tests import make
from tests.feeds import asking

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make.account(time_zone="Pacific/Kiritimati")


@pytest.fixture
def client(account: Account) -> Client:
    client = Client()
    client.force_login(make.member(account))
    return client


def options(client: Client, account: Account, written: str) -> list[tuple[str, int, int]]:
    """What is offered where | stands: what is inserted, and the place it takes."""
    at = written.index("|")
    asked: dict[str, str | int] = {"q": written.replace("|", ""), "at": at}
    response = client.get(f"/a/{account.slug}/suggest/", asked)
    assert response.status_code == 200
    found = re.findall(r'data-insert="(.*?)" data-start="(\d+)" data-end="(\d+)"', response.content.decode())
    return [(html.unescape(insert), int(start), int(end)) for insert, start, end in found]


def inserts(client: Client, account: Account, written: str) -> list[str]:
    return [insert for insert, _start, _end in options(client, account, written)]


def fill(account: Account) -> None:
    at = timezone.now() - timedelta(minutes=5)

    def tell(recipient: str, sender: str, **fields: str) -> None:
        kind = Kind.BOUNCED if "comment" in fields else Kind.DELIVERED
        event = make.event(
            kind, recipient, sender=sender, message_id=recipient, tags=["Welcome", "50% off"], occurred_at=at, **fields
        )
        record([make.arrival(make.source(account), event, received_at=at)])

    tell("bob@mail.test", "shop@acme.test")
    tell("ben@mail.test", "shop@acme.test", comment="550 Mailbox FULL")
    tell("100%@big.test", "status@acme.test")


@pytest.mark.parametrize(
    ("written", "offered"),
    [
        ("st|", ["status:", "status@acme.test "]),
        ("bob -STA|", ["status:", "status@acme.test "]),
        ("boun|", ["status:bounced ", "event:bounced "]),
        ("be|", ["before:", "ben@mail.test "]),
        ("sho|", ["shop@acme.test "]),
        ("status:o|", ["opened ", "processed ", "bounced ", "dropped "]),
        ("status:opened,b|", ["bounced ", "unsubscribed "]),
        ("status:opened,o|", ["processed ", "bounced ", "dropped "]),
        ("is:|", ["retrying ", "held ", "machine ", "orphan ", "test ", "late ", "unknown "]),
        ("to:b|", ["ben@mail.test ", "bob@mail.test "]),
        ("to:100|", ["100%@big.test "]),
        ("to:%|", []),
        ("from:|", ["shop@acme.test ", "status@acme.test "]),
        ("domain:|", ["mail.test ", "big.test "]),
        ("domain:b|", ["big.test "]),
        ("tag:w|", ["Welcome "]),
        ('tag:"5|', ['"50% off" ']),
        ("tag:|", ['"50% off" ', "Welcome "]),
        ("reason:full|", ['"550 Mailbox FULL" ']),
        ("source:PLAIN|", ['"plain source" ']),
        ("opens:>|", [">0 ", ">=3 "]),
        ("subject:a|", []),
        ('"bob"|', []),
        ("what:x|", []),
        ("status:bounced|", []),
    ],
)
def test_what_is_offered_where(client: Client, account: Account, written: str, offered: list[str]) -> None:
    fill(account)
    assert inserts(client, account, written) == offered


def test_an_empty_box_offers_keys(client: Client, account: Account) -> None:
    offered = inserts(client, account, "|")
    assert offered[:3] == ["to:", "from:", "domain:"]
    assert len(offered) == 8


def test_days_are_offered_in_the_accounts_zone(client: Client, account: Account) -> None:
    today = timezone.now().astimezone(account.zone).date()
    assert inserts(client, account, "after:|")[:2] == [f"{today} ", f"{today - timedelta(days=1)} "]


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("sta|tis bob", (0, 6)),
        ("a -status:bo|un,sent", (10, 14)),
        ('tag:"We|l" bob', (4, 9)),
        ('tag:"We| subject:"x"', (4, 7)),
        ("😀 st|", (3, 5)),
    ],
)
def test_the_whole_word_under_the_cursor_is_replaced(
    client: Client, account: Account, written: str, place: tuple[int, int]
) -> None:
    fill(account)
    at = len(written[: written.index("|")].encode("utf-16-le")) // 2
    asked: dict[str, str | int] = {"q": written.replace("|", ""), "at": at}
    response = client.get(f"/a/{account.slug}/suggest/", asked)
    places = set(re.findall(r'data-start="(\d+)" data-end="(\d+)"', response.content.decode()))
    assert places == {(str(place[0]), str(place[1]))}


def test_nothing_of_another_account_is_offered(client: Client, account: Account) -> None:
    fill(make.account())
    for written in ("bob|", "to:b|", "from:|", "domain:|", "tag:|", "reason:|", "source:|"):
        assert inserts(client, account, written) == []


@settings(max_examples=300)
@given(text=asking.scrawls, at=st.integers(-5, 60))
def test_the_place_is_in_the_text_wherever_the_cursor_is(text: str, at: int) -> None:
    found = spot.find(text, at)
    assert found is None or 0 <= found.start <= max(0, min(at, len(text))) <= found.end <= len(text)


@pytest.mark.parametrize("query", ["", "?at=x", "?q=%00&at=1", "?q=to:b&at=999999999", "?q=" + "x" * 3000])
def test_an_odd_question_gets_an_answer(client: Client, account: Account, query: str) -> None:
    assert client.get(f"/a/{account.slug}/suggest/{query}").status_code == 200


def test_a_stranger_gets_nothing(account: Account) -> None:
    assert Client().get(f"/a/{account.slug}/suggest/").status_code == 302
    other = Client()
    other.force_login(make.member(make.account()))
    assert other.get(f"/a/{account.slug}/suggest/").status_code == 404

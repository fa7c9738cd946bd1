"""What is on the list is found, filtered, counted, paged and taken away as a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.access import enter
from accounts.models import Account, User
from suppression import listing
from suppression.lists import List
from suppression.models import Origin, Reason
from suppression.sought import Sought
from tests import make
from tests.suppression.pages import at, found, rows, text

pytestmark = pytest.mark.django_db


def test_a_whole_address_finds_its_entry_and_what_covers_it(acme: Account, agent: Client) -> None:
    for target in (
        "bob@mail.example.com",
        "bobby@mail.example.com",
        "mail.example.com",
        "*.example.com",
        "b*@mail.example.com",
    ):
        make.suppression(acme, target)
    for target in ("b*@mail.example.com", "z*@mail.example.com"):
        make.suppression(acme, target)
    make.suppression(None, "bob@mail.example.com")
    wanted = {"bob@mail.example.com", "@mail.example.com", "@.example.com", "b*@mail.example.com"}
    assert set(found(agent, acme, q="Bob@Mail.example.com")) == wanted
    assert set(found(agent, acme, q="ob@mail.example.com", how="part")) == {"bob@mail.example.com"}


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        ("ann", {"ann@example.com", "joann@example.org"}),
        ("an", {"ann@example.com", "joann@example.org"}),
        ("@example.org", {"joann@example.org", "@example.org"}),
        ("*@example.org", {"joann@example.org", "@example.org"}),
        ("n@example", {"ann@example.com", "joann@example.org"}),
        ("100%", {"100%@example.net"}),
        ("a_n", set()),
        ("nobody", set()),
    ],
)
def test_parts_and_domains_are_found(acme: Account, agent: Client, q: str, wanted: set[str]) -> None:
    for target in ("ann@example.com", "joann@example.org", "example.org", "100%@example.net"):
        make.suppression(acme, target)
    assert set(found(agent, acme, q=q)) == wanted


def test_each_filter_narrows_the_list_and_they_work_together(acme: Account, agent: Client) -> None:
    ana = User.objects.get(username="ana")
    make.suppression(acme, "event@example.com", reason=Reason.SPAM, origin=Origin.EVENT, ident="e1.1")
    make.suppression(acme, "hand@example.com", user_id=ana.pk, actor_name="ana", ident=f"u{ana.pk}")
    make.suppression(acme, "file@example.com", reason=Reason.SPAM, origin=Origin.IMPORT, ident="i1")
    make.suppression(acme, "api@example.com", origin=Origin.KEY, ident="k1")
    make.suppression(acme, "example.net")
    assert set(found(agent, acme, reason="spam")) == {"event@example.com", "file@example.com"}
    assert found(agent, acme, reason="spam", by="import") == ["file@example.com"]
    assert set(found(agent, acme, by="person")) == {"hand@example.com", "@example.net"}
    assert found(agent, acme, by="key") == ["api@example.com"]
    assert found(agent, acme, by=f"u{ana.pk}") == ["hand@example.com"]
    assert found(agent, acme, covers="domain") == ["@example.net"]
    assert found(agent, acme, covers="pattern") == []


def test_days_are_those_of_the_account(acme: Account, agent: Client) -> None:
    """Midnight in São Paulo is three o'clock in UTC."""
    for hour, name in ((2, "before"), (4, "after")):
        make.suppression(acme, f"{name}@example.com", added_at=datetime(2026, 3, 10, hour, tzinfo=UTC))
    assert found(agent, acme, since="2026-03-10", until="2026-03-10") == ["after@example.com"]
    assert found(agent, acme, until="2026-03-09") == ["before@example.com"]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"since": "yesterday"}, "“yesterday” is no day."),
        ({"since": "2026-02-30"}, "“2026-02-30” is no day."),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "The first day is after the last one."),
        ({"reason": "boredom"}, "“boredom” cannot be chosen here."),
        ({"by": "u99999999999"}, "“99999999999” cannot be chosen here."),
        ({"q": "a" * 400}, "No address is that long."),
    ],
)
def test_what_cannot_be_looked_for_is_answered_with_a_sentence(
    acme: Account, agent: Client, params: dict[str, str], sentence: str
) -> None:
    make.suppression(acme)
    page = agent.get(at(acme), params)
    assert page.status_code == 422
    assert sentence in text(page)
    assert agent.get(at(acme, to="export.csv"), params).status_code == 302


@pytest.mark.parametrize(
    "filters", [{}, {"q": "person"}, {"reason": "manual"}, {"q": "@example.com"}, {"by": "person"}]
)
def test_pages_lead_forth_and_back_and_show_each_entry_once(
    acme: Account, agent: Client, filters: dict[str, str]
) -> None:
    """Also of entries of the same moment."""
    for n in range(130):
        make.suppression(acme, f"person{n:03}@example.com", added_at=make.NOON + timedelta(hours=n // 60))
    url, seen, pages = at(acme), [], []
    page = agent.get(url, filters)
    while True:
        pages.append([line.entry.target for line in page.context["lines"]])
        seen += pages[-1]
        if not page.context["older_url"]:
            break
        page = agent.get(page.context["older_url"])
    assert [len(one) for one in pages] == [50, 50, 30]
    assert seen == sorted(seen, reverse=True)
    for expected in reversed(pages[:-1]):
        page = agent.get(page.context["newer_url"])
        assert [line.entry.target for line in page.context["lines"]] == expected
    assert not page.context["newer_url"]


def test_a_place_no_page_said_begins_at_the_newest(acme: Account, agent: Client) -> None:
    make.suppression(acme)
    for place in ("x", "1", "1.x", "99999999999999999999999.1", "1.99999999999999999999", "²."):
        assert found(agent, acme, before=place) == ["bob@example.com"]


def test_what_is_rare_is_found_far_back(acme: Account, agent: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond all that is looked through first, by its letters and by who added it."""
    monkeypatch.setattr(listing, "LOOKS", (3, 5))
    olga = make.member(acme, "olga")
    make.suppression(acme, "needle@example.com", added_at=make.NOON - timedelta(days=9), user_id=olga.pk, ident="u7")
    for n in range(20):
        make.suppression(acme, f"person{n:03}@example.com", added_at=make.NOON + timedelta(hours=n))
    assert found(agent, acme, q="eedl") == ["needle@example.com"]
    assert found(agent, acme, by=f"u{olga.pk}") == ["needle@example.com"]
    assert found(agent, acme, q="ne") == ["needle@example.com"]


def test_a_search_that_stops_early_says_how_far_it_looked(
    acme: Account, agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LOOKS", (3, 5))
    monkeypatch.setattr(listing, "LEAST_LOOK", 5)
    monkeypatch.setattr(listing, "SECONDS", 0)
    make.suppression(acme, "zq@example.com", added_at=make.NOON - timedelta(days=9))
    for n in range(20):
        make.suppression(acme, f"person{n:03}@example.com", added_at=make.NOON + timedelta(hours=n))
    page = agent.get(at(acme), {"q": "zq"})
    assert "Nothing found so far" in text(page)
    tries = 0
    while not page.context["lines"]:
        page, tries = agent.get(page.context["older_url"]), tries + 1
        assert tries < 5
    assert [line.entry.target for line in page.context["lines"]] == ["zq@example.com"]


def test_counts_are_exact_and_those_of_a_filter_are_bounded(
    acme: Account, agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        make.suppression(acme, f"b{n}@example.com", reason=Reason.HARD_BOUNCE)
    make.suppression(acme, "s@example.com", reason=Reason.SPAM)
    make.suppression(make.account("Other"), "o@example.com")
    chips = {c["reason"]: c["count"] for c in agent.get(at(acme)).context["chips"]}
    assert (chips[None].n, chips[Reason.HARD_BOUNCE].n, chips[Reason.SPAM].n, chips[Reason.MANUAL].n) == (6, 5, 1, 0)
    monkeypatch.setattr(listing, "CAP", 3)
    page = agent.get(at(acme), {"q": "example", "reason": "spam"})
    assert "3+ entries" not in text(page)
    bounced = next(c for c in page.context["chips"] if c["reason"] == Reason.HARD_BOUNCE)
    assert not bounced["count"].is_exact
    assert "3+ entries" in text(agent.get(at(acme), {"q": "example"}))


def test_a_page_costs_as_many_statements_for_fifty_entries_as_for_one(
    acme: Account, agent: Client, django_assert_max_num_queries: Any
) -> None:
    def asked() -> int:
        with django_assert_max_num_queries(40) as counted:
            agent.get(at(acme))
        return len(counted)

    make.suppression(acme)
    asked()
    one = asked()
    for n in range(40):
        make.suppression(acme, f"p{n}@example.com", origin=Origin.EVENT, ident=f"e{n}.1", email_id=n, source_id=-1)
    assert asked() <= one + 2


def test_an_empty_list_explains_itself(acme: Account, agent: Client) -> None:
    assert "Everybody may be mailed" in text(agent.get(at(acme)))
    make.suppression(acme)
    assert "No entry matches this search" in text(agent.get(at(acme), {"q": "zzz"}))
    assert "ann@example.com is not on the list" in text(agent.get(at(acme), {"q": "ann@example.com"}))


def test_the_file_holds_what_the_filter_finds(acme: Account, agent: Client) -> None:
    told = 'He said "no", twice\nand left'
    make.suppression(acme, reason=Reason.SPAM, origin=Origin.EVENT, ident="e1.1", comment=told)
    make.suppression(acme, "*.example.org", actor_name="ana", note="=cmd()", added_at=make.NOON)
    make.suppression(make.account("Other"), "other@example.com")
    assert rows(agent, at(acme, to="export.csv"), reason="manual") == [
        {
            "address or domain": "*@*.example.org", "covers": "subdomains", "reason": "manual",
            "since": "2026-03-10 09:00:00-03", "added": "2026-03-10 09:00:00-03", "until": "", "added by": "ana",
            "note": "'=cmd()", "comment": "",
        }
    ]  # fmt: skip
    assert {row["comment"] for row in rows(agent, at(acme, to="export.csv"))} == {told, ""}
    (row,) = rows(agent, at(acme, to="export.csv"), q="bob@example.com")
    assert (row["address or domain"], row["added by"]) == ("bob@example.com", "event")


def test_the_query_of_a_page_says_its_filter_again(acme: Account) -> None:
    params = {
        "q": "bob",
        "reason": "spam",
        "covers": "address",
        "by": "event",
        "since": "2026-03-01",
        "until": "2026-03-02",
    }
    assert Sought.read(params).params() == params
    person = make.member(acme)
    assert List(person, enter(person, acme.slug)).account_id == acme.id

"""The pages of the list: what is on it, found and filtered, put there and taken off."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.access import enter
from accounts.models import Account, AuditEntry, Role, User
from suppression import listing
from suppression.lists import List
from suppression.models import Cause, Covers, Origin, Reason, Removal, Suppression
from suppression.sought import Sought
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def agent(acme: Account, client: Client) -> Client:
    """A member who may put single addresses on the list."""
    client.force_login(make.member(acme, "ana", Role.MEMBER))
    return client


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "olga", Role.ADMIN))
    return client


def at(account: Account, to: str = "") -> str:
    return f"/a/{account.slug}/suppressions/{to}"


def found(client: Client, account: Account, **params: str) -> list[str]:
    page = client.get(at(account), params)
    assert page.status_code == 200
    return [line.entry.target for line in page.context["lines"]]


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def said(client: Client, account: Account, response: Any) -> str:
    """What the page says that one is sent to."""
    assert response.status_code == 302, text(response)
    return text(client.get(response["Location"]))


# ---- Finding


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


# ---- Putting there


def test_many_are_added_at_once_and_every_bad_line_is_answered(acme: Account, agent: Client) -> None:
    given = (
        "Ann@Example.com, bob@example.com; Bob <bob@example.com>\nno address\n\n@@;ü@example.com\r\nbob@münchen.example"
    )
    page = agent.post(at(acme, to="add/"), {"targets": given, "note": "asked by phone"})
    assert page.status_code == 422
    assert set(Suppression.objects.values_list("target", flat=True)) == {
        "ann@example.com", "bob@example.com", "ü@example.com", "bob@xn--mnchen-3ya.example",
    }  # fmt: skip
    assert page.context["form"]["targets"].value() == "no address\n@@"
    assert [bad.text for bad in page.context["written"].bad] == ["no address", "@@"]
    assert "“no address” is neither an address nor a domain." in text(page)
    cause = Cause.objects.get(suppression__target="ann@example.com")
    assert (cause.note, cause.actor_name, cause.origin) == ("asked by phone", "ana", Origin.PERSON)
    entry = AuditEntry.objects.get(action="suppression.added")
    assert entry.details == {"entries": 4, "note": "asked by phone"}


def test_the_last_day_ends_in_the_accounts_zone(acme: Account, agent: Client) -> None:
    agent.post(at(acme, to="add/"), {"targets": "bob@example.com", "until": "2199-01-31"})
    entry = Suppression.objects.get()
    assert entry.until == datetime(2199, 2, 1, 3, tzinfo=UTC)
    assert "31" in text(agent.get(at(acme, to=f"{entry.id}/")))
    page = agent.post(at(acme, to="add/"), {"targets": "ann@example.com", "until": "2020-01-31"})
    assert "This day is over." in text(page)
    assert not Suppression.objects.filter(target="ann@example.com").exists()


def test_too_many_for_the_box_are_sent_to_the_import(acme: Account, agent: Client) -> None:
    given = "\n".join(f"p{n}@example.com" for n in range(1001))
    page = agent.post(at(acme, to="add/"), {"targets": given})
    assert page.status_code == 422
    assert "These are more than 1000." in text(page)
    assert not Suppression.objects.exists()


def test_what_covers_more_is_shown_first_and_is_for_administrators(acme: Account, agent: Client, admin: Client) -> None:
    make.suppression(acme, "ann@example.com")
    given = {"targets": "example.com\n*.example.org\nbounce-*@example.net\nbob@example.com"}
    page = admin.post(at(acme, to="add/"), given)
    assert page.status_code == 200
    assert "It covers everybody at example.com, but nobody at its subdomains." in text(page)
    assert "such as mail.example.org" in text(page)
    assert "looks like bounce-*@example.net" in text(page)
    assert "1 is on the list already." in text(page)
    assert Suppression.objects.count() == 1
    told = said(admin, acme, admin.post(at(acme, to="add/"), given | {"sure": "1"}))
    assert "4 entries were added." in told
    assert set(Suppression.objects.exclude(covers=Covers.ADDRESS).values_list("target", flat=True)) == {
        "@example.com", "@.example.org", "bounce-*@example.net",
    }  # fmt: skip
    page = agent.post(at(acme, to="add/"), {"targets": "example.info", "sure": "1"})
    assert "It covers more than one address. Ask an administrator" in text(page)
    assert not Suppression.objects.filter(target="@example.info").exists()


def test_what_is_there_already_is_said_to_be(acme: Account, agent: Client) -> None:
    agent.post(at(acme, to="add/"), {"targets": "bob@example.com"})
    told = said(agent, acme, agent.post(at(acme, to="add/"), {"targets": "bob@example.com", "note": "again"}))
    assert "bob@example.com was put on the list by hand before." in told
    assert Cause.objects.get().note == "again"


# ---- Taking off


def test_the_ticked_are_taken_off_after_a_question_with_a_trace(acme: Account, agent: Client) -> None:
    gone, kept = make.suppression(acme, reason=Reason.SPAM), make.suppression(acme, "ann@example.com")
    page = agent.post(at(acme, to="remove/"), {"entry": [gone.id], "next": at(acme)})
    assert "Take this entry off the list?" in text(page)
    assert "Mail them again only if they asked you to." in text(page)
    assert Suppression.objects.count() == 2
    told = said(agent, acme, agent.post(at(acme, to="remove/"), {"entry": [gone.id], "sure": "1", "note": "a mistake"}))
    assert "bob@example.com was taken off the list and can be mailed again at once." in told
    assert list(Suppression.objects.all()) == [kept]
    removal = Removal.objects.get()
    assert (removal.actor_name, removal.note, removal.entries) == ("ana", "a mistake", 1)
    audit = AuditEntry.objects.get(action="suppression.removed")
    assert (audit.subject, audit.details) == ("bob@example.com", {"entries": 1, "note": "a mistake"})


def test_who_is_still_covered_by_another_entry_is_named(acme: Account, agent: Client) -> None:
    entry = make.suppression(acme)
    make.suppression(acme, "example.com")
    told = said(agent, acme, agent.post(at(acme, to="remove/"), {"entry": [entry.id], "sure": "1"}))
    assert "still not mailed, because another entry covers it: bob@example.com" in told


def test_domains_are_taken_off_by_administrators(acme: Account, agent: Client, admin: Client) -> None:
    entry = make.suppression(acme, "example.com")
    assert agent.post(at(acme, to="remove/"), {"entry": [entry.id], "sure": "1"}).status_code == 403
    assert Suppression.objects.exists()
    admin.post(at(acme, to="remove/"), {"entry": [entry.id], "sure": "1"})
    assert not Suppression.objects.exists()


def test_nothing_ticked_or_nothing_of_ours_is_said(acme: Account, agent: Client) -> None:
    theirs, everybodys = make.suppression(make.account("Other")), make.suppression(None)
    for given in ([], ["x"], [theirs.id, everybodys.id]):
        told = said(agent, acme, agent.post(at(acme, to="remove/"), {"entry": given, "sure": "1"}))
        assert "Tick at least one entry" in told
    assert Suppression.objects.count() == 2


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example/", "javascript:x", "/\\evil.example"])
def test_nobody_is_sent_to_another_site_afterwards(acme: Account, agent: Client, place: str) -> None:
    answer = agent.post(at(acme, to="add/"), {"targets": "bob@example.com", "next": place})
    assert answer["Location"] == at(acme)


# ---- One entry


def test_an_entry_shows_every_cause_in_the_words_of_the_server(acme: Account, agent: Client) -> None:
    entry = make.suppression(
        acme, reason=Reason.HARD_BOUNCE, origin=Origin.EVENT, ident="e5.6", email_id=5, event_key=6,
        comment="550 5.1.1 <nobody> here",
    )  # fmt: skip
    make.suppression(acme, reason=Reason.HARD_BOUNCE, actor_name="olga", ident="u9", note="left the company")
    page = text(agent.get(at(acme, to=f"{entry.id}/")))
    assert "550 5.1.1 &lt;nobody&gt; here" in page
    assert "left the company" in page
    assert "olga" in page
    assert "The event that caused it is no longer kept." in page
    assert "It covers bob@example.com and no other address." in page


def test_a_note_and_a_last_day_are_kept_and_can_be_taken_back(acme: Account, agent: Client) -> None:
    entry = make.suppression(acme, reason=Reason.HARD_BOUNCE, origin=Origin.EVENT, ident="e5.6", email_id=5)
    agent.post(at(acme, to=f"{entry.id}/change/"), {"note": "on leave", "until": "2199-01-31"})
    entry.refresh_from_db()
    assert entry.until == datetime(2199, 2, 1, 3, tzinfo=UTC)
    assert entry.origin == Origin.EVENT
    assert Cause.objects.get(origin=Origin.PERSON).note == "on leave"
    page = agent.get(at(acme, to=f"{entry.id}/"))
    assert page.context["form"]["until"].value().isoformat() == "2199-01-31"
    agent.post(at(acme, to=f"{entry.id}/change/"), {"note": "", "until": ""})
    entry.refresh_from_db()
    assert Suppression.objects.get().until is None
    assert AuditEntry.objects.filter(action="suppression.changed").count() == 2


def test_what_was_taken_off_is_remembered_and_can_be_put_back(acme: Account, agent: Client) -> None:
    entry = make.suppression(
        acme, reason=Reason.HARD_BOUNCE, origin=Origin.EVENT, ident="e5.6", email_id=5, event_key=6, comment="550 no",
    )  # fmt: skip
    before = Cause.objects.values("ident", "at", "until", "added_at", "comment", "email_id", "event_key").get()
    agent.post(at(acme, to="remove/"), {"entry": [entry.id], "sure": "1", "note": "it was an outage"})
    page = agent.get(at(acme, to="history/"), {"target": "Bob@example.com"})
    assert "It is not on the list." in text(page)
    assert "it was an outage" in text(page)
    (gone,) = page.context["gone"]
    answer = agent.post(at(acme, to=f"removed/{gone.removed.id}/put-back/"))
    again = Suppression.objects.get()
    assert answer["Location"] == at(acme, to=f"{again.id}/")
    assert Cause.objects.values(*before).get() == before
    page = agent.get(answer["Location"])
    assert [one.may_return for one in page.context["gone"]] == [False]
    assert AuditEntry.objects.filter(action="suppression.returned", subject="bob@example.com").exists()


def test_what_another_list_lost_is_not_put_back_here(acme: Account, agent: Client) -> None:
    other = make.account("Other")
    entry = make.suppression(other)
    client = Client()
    client.force_login(make.member(other))
    client.post(at(other, to="remove/"), {"entry": [entry.id], "sure": "1"})
    removed = Removal.objects.get().rows.get()
    assert agent.post(at(acme, to=f"removed/{removed.id}/put-back/")).status_code == 404
    assert not Suppression.objects.exists()


# ---- As a file


def rows(client: Client, url: str, **params: str) -> list[dict[str, str]]:
    answer = client.get(url, params)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode(), newline="")))


def test_the_file_holds_what_the_filter_finds(acme: Account, agent: Client) -> None:
    said = 'He said "no", twice\nand left'
    make.suppression(acme, reason=Reason.SPAM, origin=Origin.EVENT, ident="e1.1", comment=said)
    make.suppression(acme, "*.example.org", actor_name="ana", note="=cmd()", added_at=make.NOON)
    make.suppression(make.account("Other"), "other@example.com")
    assert rows(agent, at(acme, to="export.csv"), reason="manual") == [
        {
            "address or domain": "*@*.example.org", "covers": "subdomains", "reason": "manual",
            "since": "2026-03-10 09:00:00-03", "added": "2026-03-10 09:00:00-03", "until": "", "added by": "ana",
            "note": "'=cmd()", "comment": "",
        }
    ]  # fmt: skip
    assert {row["comment"] for row in rows(agent, at(acme, to="export.csv"))} == {said, ""}
    (row,) = rows(agent, at(acme, to="export.csv"), q="bob@example.com")
    assert (row["address or domain"], row["added by"]) == ("bob@example.com", "event")


# ---- The installation's list


@pytest.fixture
def root(acme: Account) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_the_installations_list_has_the_same_pages(acme: Account, root: Client, agent: Client) -> None:
    own, url = make.suppression(acme, "own@example.com"), "/installation/suppressions/"
    assert "Nobody is kept from all accounts" in text(root.get(url))
    root.post(url + "add/", {"targets": "bob@example.com\nexample.net", "sure": "1", "note": "court order"})
    assert set(Suppression.objects.filter(account=None).values_list("target", flat=True)) == {
        "bob@example.com",
        "@example.net",
    }
    page = root.get(url)
    assert {line.entry.target for line in page.context["lines"]} == {"bob@example.com", "@example.net"}
    assert len(rows(root, url + "export.csv")) == 2
    entry = Suppression.objects.get(target="bob@example.com")
    assert "court order" in text(root.get(f"{url}{entry.id}/"))
    assert root.get(f"{url}{own.id}/").status_code == 404
    root.post(url + "remove/", {"entry": [entry.id, own.id], "sure": "1"})
    assert set(Suppression.objects.values_list("target", flat=True)) == {"own@example.com", "@example.net"}
    assert "It was taken off the list before" in text(root.get(url + "test/", {"address": "bob@example.com"}))
    assert found(agent, acme) == ["own@example.com"]


# ---- In code


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

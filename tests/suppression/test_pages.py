"""Putting on the list by hand, taking off, and the page of an entry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import Account, AuditEntry
from suppression.models import Cause, Covers, Origin, Reason, Removal, Suppression
from tests import make
from tests.suppression.pages import at, found, rows, said, text

pytestmark = pytest.mark.django_db


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

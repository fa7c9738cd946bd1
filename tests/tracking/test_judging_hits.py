"""Hits judged as they come in, in the company of those before, and again by command."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from feeds import inbox
from feeds.events import Kind, Status
from feeds.inbox import Incoming
from feeds.models import Email, InboxRow
from tests import make
from tests.tracking.mail import CHROME, ask, read, sent
from tracking import company, persons
from tracking.models import LeaveVisit

pytestmark = pytest.mark.django_db(transaction=True)


def told(*arguments: str) -> str:
    from io import StringIO

    said = StringIO()
    call_command("reclassify", *arguments, stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_sweep_is_a_machine_from_its_first_link_on(at_once: bool) -> None:
    mail = sent()
    links = [mail.link(f"https://example.com/{n}") for n in range(5)]
    if at_once:
        ask(mail.signer.pixel(), *links)
        read()
    else:
        ask(mail.signer.pixel())
        for link in links:
            ask(link)
            read()
    assert set(mail.kinds) == {Kind.MACHINE_OPENED, Kind.MACHINE_CLICKED}
    assert {event.comment for event in mail.events if event.url} == {"sweep"}
    email = mail.now()
    assert (email.status, email.clicks, email.machine_clicks) == (Status.DELIVERED, 0, 5)


def test_many_emails_from_one_address_are_noted() -> None:
    account = make.account()
    mails = [sent(account, f"p{n}@example.com") for n in range(12)]
    for mail in mails:
        ask(mail.link())
    read()
    assert "crowd" in mails[-1].events[0].comment
    assert mails[-1].kinds == [Kind.CLICKED]


def test_a_new_rule_holds_for_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, other = sent(), sent(make.account("Other"), "ann@example.com")
    ask(mail.link(), other.link(), ip="203.0.113.5")
    read()
    assert (mail.kinds, other.kinds) == ([Kind.CLICKED], [Kind.CLICKED])
    monkeypatch.setattr(persons, "NETWORKS", [ip_network("203.0.113.0/24")])
    assert "Looked at 1 emails with visits; 1 visits changed." in told("--account", mail.email.account.slug)
    assert (mail.kinds, other.kinds) == ([Kind.MACHINE_CLICKED], [Kind.CLICKED])
    assert "1 visits changed" in told()
    assert (other.now().status, other.now().clicks, other.now().machine_clicks) == (Status.DELIVERED, 0, 1)
    monkeypatch.undo()
    assert "2 visits changed" in told()
    assert Email.objects.filter(status=Status.CLICKED).count() == 2
    with pytest.raises(CommandError, match="no account"):
        told("--account", "nobody")


def test_what_was_noted_at_the_visit_is_not_forgotten() -> None:
    mail = sent()
    ask(mail.link(), method="HEAD", agent=CHROME)
    ask(mail.signer.pixel(), sec_purpose="prefetch;prerender")
    read()
    before = [event.comment for event in mail.events]
    assert sorted(before) == ["head", "prefetch"]
    assert "0 visits changed" in told()
    assert [event.comment for event in mail.events] == before


def test_a_run_looks_at_emails_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracking import again

    monkeypatch.setattr(again, "CHUNK", 2)
    account = make.account()
    for n in range(5):
        ask(sent(account, f"p{n}@example.com").signer.pixel())
    read()
    assert "Looked at 5 emails" in told()


def test_what_providers_say_of_visits_is_left_as_they_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from feeds.lifecycle import record

    source: Any = make.source(make.account())
    event = make.event(Kind.OPENED, user_agent="Mozilla/5.0")
    record([make.arrival(source, event)])
    told("--days", "3000")
    assert Email.objects.get().opens == 1


def looked() -> tuple[int, int]:
    visit = LeaveVisit.objects.get()
    return visit.machines, visit.people


@pytest.mark.parametrize("steps", ["look read sweep read", "sweep read look read", "sweep look read"])
def test_a_scanner_that_also_looks_at_the_page_to_leave_is_one_there(steps: str) -> None:
    mail = sent()
    links = [mail.link(f"https://example.com/{n}") for n in range(4)]
    do = {
        "look": lambda: Client(headers={"user-agent": CHROME}).get(mail.signer.leave()),
        "sweep": lambda: ask(*links, ip="127.0.0.1"),
        "read": read,
    }
    for step in steps.split():
        do[step]()
    assert looked() == (1, 0)


def test_looks_are_judged_again_by_a_new_rule_and_each_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = sent()
    Client(headers={"user-agent": CHROME}).get(mail.signer.leave())
    read()
    # The same row, told once more.
    row = InboxRow.objects.get()
    inbox.store(Incoming(row.account_id, row.source_id, row.kind, row.received_at, "", {}, bytes(row.body)))
    read()
    assert looked() == (0, 1)
    monkeypatch.setattr(persons, "NETWORKS", [ip_network("127.0.0.0/8")])
    assert "Looked at 1 emails" in told()
    assert looked() == (1, 0)


def test_of_a_scanner_run_wild_the_newest_visits_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "MOST", 5)
    mail = sent()
    for _time in range(8):
        ask(mail.signer.pixel())
    read()
    monkeypatch.setattr(persons, "NETWORKS", [ip_network("192.0.2.0/24")])
    assert "5 visits changed" in told()
    assert mail.kinds == [Kind.OPENED] * 3 + [Kind.MACHINE_OPENED] * 5


def test_what_is_old_is_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("set enable_seqscan = off")
        for table, column in (("tracking_look", "at"), ("tracking_leavevisit", "first_at")):
            cursor.execute(f"explain delete from {table} where {column} < now() - interval '90 days'")
            plan = " ".join(row[0] for row in cursor)
            assert f"Index Cond: ({column} <" in plan, plan
            assert "_old" in plan, plan
        cursor.execute("explain delete from tracking_met where minute < 5")
        assert "Index Cond: (minute < 5)" in " ".join(row[0] for row in cursor)
        cursor.execute("reset enable_seqscan")


def test_the_page_of_the_email_says_why() -> None:
    mail = sent()
    ask(*[mail.link(f"https://example.com/{n}") for n in range(4)])
    read()
    client = Client()
    client.force_login(make.member(mail.email.account))
    page = client.get(f"/a/{mail.email.account.slug}/emails/{mail.email.id}/").content.decode()
    assert "Judged by: three or more links within two seconds." in page

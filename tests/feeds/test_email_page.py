"""The page of one email, at the door: what it tells, in which order it came, who did what."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account, Role
from feeds import inbox
from feeds.events import Bounce, Event, Held, Kind
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from webhooks import intake
from webhooks.models import Source
from webhooks.providers import plain

pytestmark = pytest.mark.django_db
PANEL = {"HX-Request": "true", "HX-Target": "panel"}
START = timezone.now() - timedelta(hours=2)
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
)


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


def event(kind: Kind, seconds: float = 0, **fields: Any) -> Event:
    return make.event(kind, **{"occurred_at": START + timedelta(seconds=seconds), **fields})


def tell(source: Source, *events: Event, after: float = 0, **fields: Any) -> Email:
    """These events come in one request, so many seconds after the start; returns the email of the last."""
    record([make.arrival(source, *events, received_at=START + timedelta(seconds=after), **fields)])
    return Email.objects.get(account_id=source.account_id, recipient=events[-1].recipient)


def text(response: Any) -> str:
    return " ".join(str(response.content.decode()).split())


def page(client: Client, email: Email, **options: Any) -> str:
    response = client.get(f"/a/{email.account.slug}/emails/{email.id}/", **options)
    assert response.status_code == 200
    return text(response)


# ---- Page and panel ---------------------------------------------------------------------------------------


def test_the_email_has_a_page_of_its_own_and_a_part_for_the_panel(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED, comment="250 2.0.0 OK gsmtp"))
    whole, panel = page(client, email), page(client, email, headers=PANEL)
    assert whole.startswith("<!DOCTYPE html>")
    assert panel.startswith('<div class="panel-head">')
    for words in ("bob@example.com", "Why this status?", "250 2.0.0 OK gsmtp", "What happened", "This email"):
        assert words in whole
        assert words in panel
    assert "HX-Target" in client.get(f"/a/{email.account.slug}/emails/{email.id}/")["Vary"]


@pytest.mark.parametrize("headers", [{}, PANEL])
@pytest.mark.parametrize("page", ["emails/{id}/", "emails/{id}/events/{key}/"])
def test_an_email_of_another_account_is_not_found_through_ones_own(
    client: Client, acme: Account, page: str, headers: dict[str, str]
) -> None:
    email = tell(make.source(make.account("Other")), event(Kind.DELIVERED))
    address = page.format(id=email.id, key=email.events.get().key)
    for slug in (acme.slug, email.account.slug):
        assert client.get(f"/a/{slug}/{address}", headers=headers).status_code == 404


def test_an_email_older_than_the_account_keeps_them_is_not_found(client: Client, src: Source) -> None:
    old = timezone.now() - timedelta(days=src.account.retention_days + 1)
    record([make.arrival(src, make.event(occurred_at=old), received_at=old)])
    email = Email.objects.get()
    assert client.get(f"/a/{src.account.slug}/emails/{email.id}/").status_code == 404


@pytest.mark.parametrize("email_id", [0, 7, 2**63, 10**30])
def test_an_email_that_is_not_there_is_not_found(client: Client, acme: Account, email_id: int) -> None:
    assert client.get(f"/a/{acme.slug}/emails/{email_id}/").status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_events(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED), event(Kind.OPENED, 5), event(Kind.CLICKED, 6, url="https://a.test/"))

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            page(client, email)
        return len(seen)

    queries()
    few = queries()
    tell(src, *(event(Kind.OPENED, 10 + n, ip=f"192.0.2.{n}") for n in range(50)))
    assert queries() == few
    assert few <= 16


def test_of_very_many_events_the_first_are_shown_and_all_are_counted(client: Client, src: Source) -> None:
    opens = [event(Kind.MACHINE_OPENED, n) for n in range(600)]
    email = tell(src, *opens, event(Kind.OPENED, 1000))
    words = page(client, email)
    assert "There are more events" in words
    assert "“Opened”, because of the event “Opened” of" in words
    assert ">600<" in words
    tell(src, event(Kind.DELIVERED, 900, comment="250 2.0.0 OK"))
    assert "The recipient&#x27;s server took the email over." in page(client, email)


# ---- Why --------------------------------------------------------------------------------------------------


def test_it_tells_which_event_won_and_what_says_less(client: Client, src: Source) -> None:
    tell(src, event(Kind.OPENED, ip="192.0.2.7", user_agent="Thunderbird/128"), after=1)
    tell(src, event(Kind.DELIVERED, 50, comment="250 2.0.0 OK gsmtp"), after=51)
    email = tell(src, event(Kind.MACHINE_CLICKED, 60, url="https://acme.test/x"), after=61)
    words = page(client, email)
    for part in (
        "“Opened”, because of the event “Opened” of",
        "“Delivered” happened later but says less than “Opened”",
        "counted apart and never raises the status",
        "The recipient&#x27;s server took the email over.",
        "192.0.2.7",
        "Thunderbird",
        "https://acme.test/x",
        "plain source",
        f'href="/a/{src.account.slug}/recipients/bob@example.com/"',
    ):
        assert part in words
    assert "out of order" not in words


def test_what_arrived_out_of_order_is_marked(client: Client, src: Source) -> None:
    tell(src, event(Kind.OPENED, 60), after=61)
    email = tell(src, event(Kind.DELIVERED, 10), after=200)
    words = page(client, email)
    assert words.count("out of order") == 1
    assert "“Delivered” of" in words
    assert "arrived only after what happened later" in words
    assert "arrived 3 minutes later" in words


def test_events_of_one_request_are_never_out_of_order(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.OPENED, 60), event(Kind.DELIVERED, 10), after=61)
    assert "out of order" not in page(client, email)


def test_many_out_of_order_events_are_told_in_one_sentence(client: Client, src: Source) -> None:
    tell(src, event(Kind.CLICKED, 900), after=901)
    for n in range(4):
        email = tell(src, event(Kind.OPENED, n), after=1000 + n)
    assert "4 events arrived only after others that happened later" in page(client, email)


def test_what_came_late_says_how_late(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED), after=5400)
    words = page(client, email)
    assert "came late" in words
    assert "Some events came late" in words
    assert "arrived 1 hour, 30 minutes later" in words


def test_a_clock_that_is_ahead_is_told(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED, 20), after=0)
    assert "arrived 20 seconds before the time it states: a clock is wrong" in page(client, email)


def test_an_unknown_event_is_told_and_changes_nothing(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED), event(Kind.UNKNOWN, 5, name="teleported"))
    words = page(client, email)
    assert "“Delivered”, because of the event “Delivered” of" in words
    assert "not known here. It is kept and changes nothing." in words
    assert "teleported" in words


def test_what_was_told_twice_counts_once_and_says_so(client: Client, src: Source) -> None:
    tell(src, event(Kind.DELIVERED), after=1, inbox_id=1)
    email = tell(src, event(Kind.DELIVERED), after=30, inbox_id=2)
    assert "was told once more. It counts once." in page(client, email)
    tell(src, event(Kind.DELIVERED), after=60, inbox_id=3)
    words = page(client, email)
    assert "was told 2 times more. It counts once." in words
    assert "told again 2 times" in words


# ---- Attempts ---------------------------------------------------------------------------------------------


def test_attempts_are_numbered_and_their_answers_explained(client: Client, src: Source) -> None:
    busy = "450 4.2.2 The mailbox is over quota"
    tell(src, event(Kind.DEFERRED, 0, comment=busy, code="4.2.2"), event(Kind.DEFERRED, 60, comment=busy, code="4.2.2"))
    email = tell(src, event(Kind.BOUNCED, 120, comment="550 5.1.1 No such user", code="5.1.1", bounce=Bounce.HARD))
    words = page(client, email)
    for part in ("attempt 1", "attempt 2", "attempt 3", busy, "550 5.1.1 No such user", "Hard bounce"):
        assert part in words
    assert words.count("The mailbox is full.") == 1  # the same answer again is not explained again
    assert words.count("There is no mailbox of this name at this domain.") == 2  # above, and in the timeline
    assert "It is not tried again, and the address was put on the suppression list." in words
    assert "Ask the recipient for the right address" in words


def test_a_drop_is_no_attempt(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DROPPED, comment="Bounced Address"))
    words = page(client, email)
    assert "attempt 1" not in words
    assert "An earlier email to this address bounced." in words
    assert "It was never sent" in words


def test_a_soft_bounce_says_that_the_address_was_not_suppressed(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.BOUNCED, bounce=Bounce.SOFT, comment="552 5.2.2 full"))
    words = page(client, email)
    assert "Soft bounce" in words
    assert "The address was not suppressed" in words


# ---- Who opened and clicked -------------------------------------------------------------------------------


def test_people_and_machines_are_told_apart(client: Client, src: Source) -> None:
    email = tell(
        src,
        event(Kind.MACHINE_OPENED, 1, user_agent="Mozilla/5.0 (via ggpht.com GoogleImageProxy)", ip="66.249.84.1"),
        event(Kind.OPENED, 20, user_agent=CHROME, ip="203.0.113.9"),
        event(Kind.OPENED, 30, user_agent=CHROME, ip="203.0.113.9"),
        event(Kind.CLICKED, 40, user_agent=CHROME, ip="203.0.113.9", url="https://acme.test/offer"),
        event(
            Kind.MACHINE_CLICKED, 2, user_agent="python-requests/2.32", ip="198.51.100.3", url="https://acme.test/offer"
        ),
    )
    response = client.get(f"/a/{src.account.slug}/emails/{email.id}/")
    told = response.context["story"]
    assert [(visitor.program, visitor.ip, visitor.is_machine) for visitor in told.visitors] == [
        ("Chrome on Android", "203.0.113.9", False),
        ("a script", "198.51.100.3", True),
        ("Gmail's image proxy", "66.249.84.1", True),
    ]
    assert (told.visitors[0].opens.total, told.visitors[0].clicks.total) == (2, 1)
    [(url, span)] = told.links
    assert (url, span.people, span.machines) == ("https://acme.test/offer", 1, 1)
    assert (span.first_at, span.last_at) == (START + timedelta(seconds=2), START + timedelta(seconds=40))
    for words in ("Who opened and clicked", "Chrome on Android", "Gmail&#x27;s image proxy", "person", "machine"):
        assert words in text(response)


def test_an_email_nobody_opened_has_no_empty_table(client: Client, src: Source) -> None:
    assert "Who opened and clicked" not in page(client, tell(src, event(Kind.DELIVERED)))


# ---- What it is -------------------------------------------------------------------------------------------


def test_the_message_id_of_the_header_is_shown(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED, header_id="<abc.1@acme.test>"))
    assert "<code>abc.1@acme.test</code>" in page(client, email)


def test_it_tells_that_the_recipient_is_suppressed_by_now(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.SPAM))
    assert "Reported as spam, since" in page(client, email)


def test_a_summary_to_pass_on_is_ready_to_be_copied(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED, subject="Invoice 7", comment="250 2.0.0 OK"))
    summary = client.get(f"/a/{src.account.slug}/emails/{email.id}/").context["summary"]
    lines = summary.splitlines()
    assert lines[0] == "Recipient: bob@example.com"
    assert "Subject: Invoice 7" in lines
    assert "The server's answer: 250 2.0.0 OK" in lines
    assert not any("Sender" in line for line in lines)


def test_nothing_an_event_says_is_markup(client: Client, src: Source) -> None:
    evil = '"><script>alert(1)</script>'
    fields: dict[str, Any] = dict.fromkeys(
        ("url", "ip", "user_agent", "name", "comment", "header_id", "argument", "subject"), evil
    )
    email = tell(src, event(Kind.CLICKED, **fields), event(Kind.BOUNCED, 1, **fields), event(Kind.UNKNOWN, 2, **fields))
    assert "<script>alert" not in page(client, email)


# ---- The original record ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["x", "99999999999999999999", "5", "--5", "²"])
def test_an_event_that_is_not_there_is_not_found(client: Client, src: Source, key: str) -> None:
    email = tell(src, event(Kind.DELIVERED))
    assert client.get(f"/a/{src.account.slug}/emails/{email.id}/events/{key}/").status_code == 404


def test_an_event_without_its_request_says_so(client: Client, src: Source) -> None:
    email = tell(src, event(Kind.DELIVERED))
    address = f"/a/{src.account.slug}/emails/{email.id}/events/{email.events.get().key}/"
    assert "no longer kept" in text(client.get(address))
    assert "no longer kept" in text(client.get(address, headers={"HX-Request": "true"}))


def test_an_event_shows_the_record_it_came_from(client: Client, acme: Account, src: Source) -> None:
    now = timezone.now()
    sample = plain.sample("bob@example.com", now)
    inbox.store(inbox.Incoming(acme.id, src.id, intake.KIND, now, sample.content_type, sample.headers, sample.body))
    inbox.work()
    email = Email.objects.get(account=acme)
    address = f"/a/{acme.slug}/emails/{email.id}/events/{email.events.get().key}/"
    bare = client.get(address)
    assert bare["Content-Type"] == "text/plain; charset=utf-8"
    assert json.loads(bare.content)["subject"] == "A test of Live Feeds"
    assert "A test of Live Feeds" in text(client.get(address, headers={"HX-Request": "true"}))


def test_of_a_huge_record_the_beginning_is_shown_and_the_rest_is_a_link_away(
    client: Client, acme: Account, src: Source
) -> None:
    now = timezone.now()
    long = json.dumps({"event": "delivered", "recipient": "bob@example.com", "message_id": "m1", "more": "x" * 200_000})
    inbox.store(inbox.Incoming(acme.id, src.id, intake.KIND, now, "application/json", {}, long.encode()))
    inbox.work()
    email = Email.objects.get(account=acme)
    address = f"/a/{acme.slug}/emails/{email.id}/events/{email.events.get().key}/"
    part = text(client.get(address, headers={"HX-Request": "true"}))
    assert len(part) < 110_000
    assert f'href="{address}"' in part
    assert len(client.get(address).content) > 200_000


@pytest.mark.parametrize(
    "recipient", ["", "two\nlines@example.com", "..", "a/b//c", "?#&%zz", "x" * 320, "\u202emoc.elpmaxe@bob"]
)
@pytest.mark.parametrize("headers", [{}, PANEL])
def test_whatever_a_source_calls_a_recipient_the_page_is_drawn(
    client: Client, src: Source, recipient: str, headers: dict[str, str]
) -> None:
    email = tell(src, event(Kind.DELIVERED, recipient=recipient))
    assert "What happened" in page(client, email, headers=headers)


def test_a_held_email_tells_what_holds_it_and_when_that_ends(client: Client, acme: Account, src: Source) -> None:
    hold = event(Kind.HELD, 1, held=Held.CREDITS, comment="Held back: the account has no credits left.")
    email = tell(src, event(Kind.PROCESSED), hold)
    tell(src, event(Kind.PROCESSED, recipient="free@example.com", message_id="m2"))
    page = text(client.get(f"/a/{acme.slug}/emails/{email.id}/"))
    assert "held: no credits left" in page
    assert "It goes out by itself when an administrator of the installation adds some." in page
    assert "<strong>Held back</strong>" in page
    assert "The server&#x27;s answer" not in page
    listed = text(client.get(f"/a/{acme.slug}/", {"q": "is:held"}))
    assert "Held back: the account has no credits left." in listed
    assert "free@example.com" not in listed
    tell(src, event(Kind.RELEASED, 5, comment="Released: there are credits again."), after=5)
    page = text(client.get(f"/a/{acme.slug}/emails/{email.id}/"))
    assert "held: no credits left" not in page
    assert "<strong>Released</strong>" in page
    assert f"/emails/{email.id}/" not in text(client.get(f"/a/{acme.slug}/", {"q": "is:held"}))

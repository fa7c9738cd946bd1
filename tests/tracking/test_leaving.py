"""Unsubscribing: people and mail programs do it, machines that look do not, and a mistake is taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from feeds import inbox, outage
from feeds.events import Arrival, Event, Kind, Status
from feeds.lifecycle import record
from suppression.models import Reason, Suppression
from tests import make
from tests.tracking.mail import Sent, read, sent
from tests.tracking.test_door import away
from tracking import leaving
from tracking import tasks as tracking_tasks
from tracking.models import Farewell, LeaveVisit
from tracking.tokens import mailbox, read_mailbox
from webhooks import tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail() -> Sent:
    return sent()


def press(mail: Sent, data: Any = None, client: Client | None = None, **extra: Any) -> HttpResponse:
    client = client or Client(enforce_csrf_checks=True)
    return client.post(mail.signer.leave(), data if data is not None else {}, **extra)  # type: ignore[return-value]


def undo_of(answer: HttpResponse) -> str:
    return answer.content.decode().partition('name="undo" value="')[2].partition('"')[0]


def listed(mail: Sent) -> bool:
    return Suppression.objects.filter(target=mail.email.recipient, reason=Reason.UNSUBSCRIBED).exists()


def test_looking_changes_nothing_and_shows_a_button(mail: Sent) -> None:
    for method in ("get", "head"):
        answer = getattr(Client(), method)(mail.signer.leave())
        assert answer.status_code == 200
        assert not answer.cookies
        assert "no-store" in answer["Cache-Control"]
    page = Client().get(mail.signer.leave()).content.decode()
    assert '<button type="submit">Unsubscribe</button>' in page
    read()
    assert mail.events == []
    assert not listed(mail)


def test_the_button_unsubscribes_and_says_so(mail: Sent) -> None:
    answer = press(mail)
    assert (answer.status_code, bool(answer.cookies)) == (200, False)
    assert "You will get no more of these emails." in answer.content.decode()
    read()
    assert mail.kinds == [Kind.UNSUBSCRIBED]
    assert mail.now().status == Status.UNSUBSCRIBED
    assert listed(mail)


@pytest.mark.parametrize("extra", [
    {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    {"data": {"List-Unsubscribe": "One-Click"}},  # multipart/form-data
])  # fmt: skip
def test_the_mail_programs_own_button_needs_nothing_and_is_not_sent_elsewhere(
    mail: Sent, extra: dict[str, Any]
) -> None:
    Farewell.objects.create(account=mail.email.account, redirect_url="https://acme.test/bye")
    answer = press(mail, extra.pop("data"), **extra)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert not answer.cookies
    read()
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED], True)


def test_who_does_it_twice_is_on_the_list_once(mail: Sent) -> None:
    for _time in range(2):
        press(mail)
        press(mail, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
        read()
    assert (mail.kinds, Suppression.objects.count()) == ([Kind.UNSUBSCRIBED] * 4, 1)
    assert mail.now().unsubscribed_at == mail.events[0].occurred_at


def test_twenty_scanners_remove_nobody_and_are_counted(mail: Sent) -> None:
    for n in range(20):
        Client(headers={"user-agent": f"Barracuda Sentinel {n}"}).get(mail.signer.leave())
    Client(headers={"user-agent": "Mozilla/5.0 (iPhone) Safari"}).get(mail.signer.leave())
    read()
    assert (mail.events, listed(mail)) == ([], False)
    visit = LeaveVisit.objects.get()
    assert (visit.email_id, visit.machines, visit.people) == (mail.email.id, 20, 1)


def test_a_mistake_is_taken_back_within_an_hour(mail: Sent) -> None:
    undo = undo_of(press(mail))
    read()
    assert listed(mail)
    answer = press(mail, {"undo": undo})
    assert "It was taken back." in answer.content.decode()
    read()
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED, Kind.RESUBSCRIBED], False)


def test_whoever_leaves_again_after_taking_it_back_has_left(mail: Sent) -> None:
    press(mail, {"undo": undo_of(press(mail))})
    read()
    press(mail)
    read()
    assert mail.kinds == [Kind.UNSUBSCRIBED, Kind.RESUBSCRIBED, Kind.UNSUBSCRIBED]
    assert listed(mail)


@pytest.mark.parametrize(("presses", "on_the_list"), [("lr", False), ("lrl", True), ("lrlr", False)])
def test_what_was_pressed_last_holds_also_where_all_is_read_at_once(
    mail: Sent, presses: str, on_the_list: bool
) -> None:
    undo = ""
    for pressed in presses:
        undo = undo_of(press(mail, {"undo": undo} if pressed == "r" else {}))
    read()
    assert listed(mail) == on_the_list


def test_a_button_pressed_twice_is_one_mistake(mail: Sent) -> None:
    press(mail)
    press(mail, {"undo": undo_of(press(mail))})
    read()
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED, Kind.UNSUBSCRIBED, Kind.RESUBSCRIBED], False)


def test_nobody_is_brought_back_by_leaving_once_more(mail: Sent) -> None:
    """Whoever has the old mail can press its button for ever, and undo that, but not what was done long ago."""
    with time_machine.travel(timezone.now() - timedelta(days=100)):
        press(mail)
        read()
    answer = press(mail)
    assert "You had unsubscribed before." in answer.content.decode()
    assert undo_of(answer) == ""
    # Not even where nobody could be asked whether they had left.
    outage.database.failed()
    undo = undo_of(press(mail))
    assert undo
    outage.database.answered()
    press(mail, {"undo": undo})
    tasks.read_spool()
    read()
    assert Kind.RESUBSCRIBED in mail.kinds
    assert listed(mail)


def test_an_undo_takes_back_no_later_unsubscription(mail: Sent) -> None:
    undo = undo_of(press(mail))
    press(mail, {"undo": undo})
    press(mail)
    press(mail, {"undo": undo})
    read()
    assert listed(mail)


def test_it_is_too_late_after_an_hour_and_nobody_else_can(mail: Sent) -> None:
    undo = undo_of(press(mail))
    read()
    other = sent(recipient="ann@example.com")
    assert press(other, {"undo": undo}).status_code == 410
    assert press(mail, {"undo": "x" + undo}).status_code == 410
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert press(mail, {"undo": undo}).status_code == 410
    read()
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED], True)


@pytest.mark.parametrize("is_read_first", [True, False])
def test_taking_one_back_leaves_what_another_email_caused(mail: Sent, is_read_first: bool) -> None:
    earlier = sent(mail.email.account, ago=5000)
    with time_machine.travel(timezone.now() - timedelta(minutes=5)):
        press(earlier)
    if is_read_first:
        read()
    undo = undo_of(press(mail))
    assert bool(undo) != is_read_first
    press(mail, {"undo": undo})
    read()
    assert listed(mail)


@pytest.mark.parametrize("at_once", [True, False])
def test_taking_one_back_leaves_what_another_email_caused_afterwards(mail: Sent, at_once: bool) -> None:
    later = sent(mail.email.account)
    undo = undo_of(press(mail))
    undo_later = undo_of(press(later))
    if not at_once:
        read()
    press(mail, {"undo": undo})
    read()
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED, Kind.RESUBSCRIBED], True)
    press(later, {"undo": undo_later})
    read()
    assert not listed(mail)


def test_what_is_read_at_once_is_kept_apart_by_email(mail: Sent) -> None:
    later = sent(mail.email.account)
    press(mail, {"undo": undo_of(press(mail))})
    undo_later = undo_of(press(later))
    read()
    assert Suppression.objects.get().causes.get().email_id == later.email.id
    press(later, {"undo": undo_later})
    read()
    assert not listed(mail)


def test_showing_the_record_of_an_event_does_not_do_it_again(mail: Sent) -> None:
    undo = undo_of(press(mail))
    read()
    press(mail, {"undo": undo})
    read()
    press(mail)
    read()
    for event in mail.events:
        assert inbox.raw_of(event)
    assert listed(mail)


def test_it_is_kept_while_the_database_is_away(mail: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as lost:
        lost.setattr(inbox, "store", away)
        lost.setattr(Farewell.objects, "filter", away)
        assert Client().get(mail.signer.leave()).status_code == 200
        assert press(mail).status_code == 200
    outage.database.answered()
    tasks.read_spool()
    read()
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED], True)


def test_a_token_that_was_changed_unsubscribes_nobody(mail: Sent) -> None:
    path = mail.signer.leave()[:-1] + ("a" if mail.signer.leave()[-1] != "a" else "b")
    assert Client().get(path).status_code == 404
    assert Client().post(path).status_code == 404
    assert Client().post(mail.signer.pixel().replace("/o/", "/u/")).status_code == 404
    read()
    assert not listed(mail)


def test_a_mail_to_the_address_does_it_as_well(mail: Sent) -> None:
    named = read_mailbox(f"{mailbox(mail.email.account_id, mail.email.id)}@mail.acme.test")
    assert named is not None
    at = timezone.now()
    for _time in range(2):
        record([Arrival(mail.email.account_id, mail.email.source_id, at, leaving.by_mail(named, at))])
    assert (mail.kinds, listed(mail)) == ([Kind.UNSUBSCRIBED], True)
    mail.email.delete()
    assert leaving.by_mail(named, at) == []


def test_the_page_speaks_the_language_of_the_browser_in_the_words_of_the_account(mail: Sent) -> None:
    Farewell.objects.create(
        account=mail.email.account,
        texts={"pt-br": {"title": "Até logo <b>", "done": "Pronto."}, "en": {"text": "Sure?"}},
    )
    portuguese = Client(headers={"accept-language": "pt-BR,pt;q=0.9"})
    page = portuguese.get(mail.signer.leave()).content.decode()
    assert '<html lang="pt-br">' in page
    assert "<h1>Até logo &lt;b&gt;</h1>" in page
    assert "Sure?" in Client(headers={"accept-language": "de"}).get(mail.signer.leave()).content.decode()
    assert "Pronto." in press(mail, client=portuguese).content.decode()


def test_the_button_leads_where_the_account_says(mail: Sent) -> None:
    Farewell.objects.create(account=mail.email.account, redirect_url="https://acme.test/bye?x=1")
    policy = Client().get(mail.signer.leave())["Content-Security-Policy"]
    # Also to where that address leads on, and to one that no policy can name.
    assert "form-action 'self' https: http:;" in policy
    answer = press(mail)
    assert (answer.status_code, answer["Location"]) == (302, "https://acme.test/bye?x=1")
    read()
    assert listed(mail)


def test_it_may_lead_to_a_name_in_any_letters(mail: Sent) -> None:
    Farewell.objects.create(account=mail.email.account, redirect_url="https://пример.test/bye")
    policy = Client().get(mail.signer.leave())["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert press(mail)["Location"].startswith("https://%D0%BF")


def test_whoever_is_signed_in_is_not_asked_about(mail: Sent, django_assert_max_num_queries: Any) -> None:
    client = Client()
    client.force_login(make.member(mail.email.account))
    with django_assert_max_num_queries(2):
        answer = client.get(mail.signer.leave())
    assert "Vary" not in answer or "Cookie" not in answer["Vary"]


def test_an_event_of_a_provider_is_no_business_of_ours(mail: Sent) -> None:
    source = make.source(mail.email.account)
    record([make.arrival(source, Event(Kind.UNSUBSCRIBED, "x", "bob@example.com", timezone.now()))])
    undo = undo_of(press(mail))
    read()
    press(mail, {"undo": undo})
    read()
    assert listed(mail)


def test_who_looked_is_forgotten_after_a_while(mail: Sent) -> None:
    Client().get(mail.signer.leave())
    read()
    tracking_tasks.forget_crowds()
    assert LeaveVisit.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        tracking_tasks.forget_crowds()
    assert not LeaveVisit.objects.exists()

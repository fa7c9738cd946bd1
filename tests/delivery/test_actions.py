"""What people do with emails by hand, at the door: with one from its page, and with all of a filter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, AuditEntry, Membership, Role
from delivery import errands
from delivery.accept import accept
from delivery.errand import Errand
from delivery.models import Attempt, Message, Outgoing, Verdict, source_of
from delivery.orders import Attached, Group, Mailbox
from feeds import rows
from feeds.events import Arrival, Bounce, Event, Held, Kind, Status
from feeds.lifecycle import record
from feeds.models import Email
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.sender_domain(account)
    return account


@pytest.fixture
def member(acme: Account) -> Client:
    return signed_in(acme, Role.MEMBER, "mia")


def signed_in(account: Account, role: Role, name: str = "") -> Client:
    client = Client()
    client.force_login(make.member(account, name, role))
    return client


def place(account: Account, *to: str, **fields: Any) -> None:
    accept(make.order(*to, **fields), account, timezone.now())


def email(recipient: str = "bob@example.com") -> Email:
    return Email.objects.filter(recipient=recipient).latest("id")


def deferred(account: Account, *to: str, **changes: Any) -> None:
    """Emails that a server refused for now, to be tried again in an hour."""
    place(account, *to)
    told = {"next_attempt_at": timezone.now() + timedelta(hours=1), "attempts": 2, "code": "4.2.2",
            "reply": "452 4.2.2 Mailbox full"}  # fmt: skip
    Outgoing.objects.filter(recipient__in=to or ["bob@example.com"]).update(**told | changes)


def finished(*recipients: str) -> None:
    """As if these had been sent."""
    Outgoing.objects.filter(recipient__in=recipients).delete()


def do(client: Client, account: Account, action: str, of: Email | None = None) -> str:
    url = reverse(f"email-{action}", args=[account.slug, (of or email()).id])
    return client.post(url, follow=True).content.decode()


# ---- One email --------------------------------------------------------------------------------------------


def test_what_waits_is_tried_at_once(acme: Account, member: Client) -> None:
    deferred(acme)
    assert "It is tried again at once." in do(member, acme, "retry")
    assert Outgoing.objects.get().next_attempt_at <= timezone.now()
    assert "due already" in do(member, acme, "retry")
    assert AuditEntry.objects.get().action == "email.retry"
    page = member.get(reverse("email", args=[acme.slug, email().id])).content.decode()
    assert page.count("Tried again by hand") == 1
    assert "Tried again at once, for mia." in page
    assert (email().status, email().comment) == (Status.PROCESSED, "Accepted, queued")


def test_a_scheduled_email_can_be_sent_before_its_time_and_one_without_credits_not(
    acme: Account, member: Client
) -> None:
    deferred(acme, held=Held.SCHEDULED)
    assert "tried again at once" in do(member, acme, "retry")
    Outgoing.objects.update(held=Held.CREDITS, next_attempt_at=timezone.now() + timedelta(hours=1))
    assert "held until the account may send again" in do(member, acme, "retry")
    assert Outgoing.objects.get().next_attempt_at > timezone.now()


def test_giving_up_bounces_softly_with_who_did_it_and_the_last_answer(acme: Account, member: Client) -> None:
    deferred(acme)
    assert "It was given up." in do(member, acme, "give-up")
    found = email()
    assert (found.status, found.bounce) == (Status.BOUNCED, Bounce.SOFT)
    assert found.comment == "Given up by mia. The last answer was: 452 4.2.2 Mailbox full"
    assert not Outgoing.objects.exists()
    assert "Nothing is left to try" in do(member, acme, "give-up")


def test_what_is_given_up_before_it_was_tried_gets_its_credit_back(acme: Account, member: Client) -> None:
    Account.objects.filter(pk=acme.pk).update(is_metered=True, credits=10)
    deferred(acme, attempts=0, is_paid=True)
    do(member, acme, "give-up")
    assert Account.objects.get(pk=acme.pk).credits == 11


def test_what_cannot_be_noted_is_not_done(acme: Account, member: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    deferred(acme)
    monkeypatch.setattr("accounts.audit.note", lambda *_args: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        do(member, acme, "give-up")
    assert (email().status, Outgoing.objects.count()) == (Status.PROCESSED, 1)


def test_what_is_being_tried_at_this_moment_is_left_alone(acme: Account, member: Client) -> None:
    deferred(acme, claimed_by=7)
    assert "being tried at this moment" in do(member, acme, "give-up")
    assert "being tried at this moment" in do(member, acme, "retry")
    assert Outgoing.objects.filter(claimed_by=7).exists()


def test_an_email_is_sent_once_more_with_all_that_was_its_own(acme: Account, member: Client) -> None:
    group = Group(
        [Mailbox("Bob@example.com", "Bob")], cc=[Mailbox("carl@example.com")], attributes={"NAME": "Bob"},
        headers={"X-Order": "7"}, attachments=[Attached("own.txt", "text/plain", b"own")], argument="order-7",
    )  # fmt: skip
    place(acme, groups=[Group([Mailbox("ann@example.com")]), group], tags=["autumn"], html="<p>[%NAME%]</p>",
          subject="Hi [%NAME%]", attachments=[Attached("all.txt", "text/plain", b"all")],
          settings={"opentrack": False})  # fmt: skip
    finished("Bob@example.com", "carl@example.com", "ann@example.com")
    first = email()
    page = do(member, acme, "resend")
    assert "sent once more, as a new email" in page
    again = email()
    assert again.id > first.id
    assert (again.subject, again.argument, again.tags) == ("Hi Bob", "order-7", ["autumn"])
    row = Outgoing.objects.get()
    assert (row.recipient, row.recipient_name, row.attributes, row.headers) == (
        "Bob@example.com", "Bob", {"NAME": "Bob"}, {"X-Order": "7"},
    )  # fmt: skip
    message = Message.objects.get(pk=row.message_id)
    assert message.parts["html"] == "<p>[%NAME%]</p>"
    assert message.settings == {"opentrack": False}
    files = message.attachments.order_by("id").values_list("name", "recipient_group")
    assert list(files) == [("all.txt", None), ("own.txt", 0)]


def test_who_presses_twice_sends_once(acme: Account, member: Client) -> None:
    place(acme)
    finished("bob@example.com")
    url = reverse("email", args=[acme.slug, email().id])
    word = member.get(url).content.decode().partition('name="once" value="')[2].partition('"')[0]
    answers = [member.post(f"{url}resend/", {"once": word}) for _press in range(2)]
    assert Email.objects.count() == 2
    assert {answer["Location"] for answer in answers} == {reverse("email", args=[acme.slug, email().id])}
    errands_begun = {begin(member, acme, "retry", "to:bob@example.com").pk for _press in range(2)}
    assert len(errands_begun) == 1


def test_the_second_of_two_emails_to_one_address_is_found_again(acme: Account, member: Client) -> None:
    groups = [Group([Mailbox("bob@example.com")], attributes={"N": n}) for n in ("one", "two")]
    place(acme, groups=groups, subject="[%N%]")
    finished("bob@example.com")
    do(member, acme, "resend", Email.objects.get(subject="two"))
    assert Outgoing.objects.get().attributes == {"N": "two"}


def test_a_whole_message_is_sent_once_more_as_it_was(acme: Account, member: Client) -> None:
    raw = b"From: news@acme.test\r\nTo: bob@example.com\r\nSubject: Hello\r\n\r\nHi\r\n"
    place(acme, raw=raw, html="")
    finished("bob@example.com")
    do(member, acme, "resend")
    assert bytes(Message.objects.get(pk=Outgoing.objects.get().message_id).raw or b"") == raw


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: None, "still being tried"),
        (lambda: (Outgoing.objects.all().delete(), Message.objects.update(parts=None)), "content is not kept any more"),
        (lambda: (Outgoing.objects.all().delete(), Message.objects.all().delete()), "content is not kept any more"),
    ],
)
def test_what_cannot_be_sent_once_more_says_why(acme: Account, member: Client, change: Any, said: str) -> None:
    place(acme)
    change()
    assert said in do(member, acme, "resend")
    assert Email.objects.count() == 1


def test_an_email_of_a_provider_is_not_ours_to_send(acme: Account, member: Client) -> None:
    record([make.arrival(make.source(acme), make.event(occurred_at=timezone.now()), received_at=timezone.now())])
    assert "It was not sent from here." in do(member, acme, "resend")
    page = member.get(reverse("email", args=[acme.slug, email().id])).content.decode()
    assert "How it was sent" not in page


@pytest.mark.parametrize("action", ["retry", "give-up", "resend"])
def test_viewers_and_strangers_do_nothing(acme: Account, action: str) -> None:
    deferred(acme)
    url = reverse(f"email-{action}", args=[acme.slug, email().id])
    assert signed_in(acme, Role.VIEWER).post(url).status_code == 403
    other = make.account("Other")
    assert signed_in(other, Role.OWNER).post(url).status_code == 404
    theirs = reverse(f"email-{action}", args=[other.slug, email().id])
    assert signed_in(other, Role.OWNER).post(theirs).status_code == 404
    assert signed_in(acme, Role.MEMBER).get(url).status_code == 405
    assert Outgoing.objects.get().next_attempt_at > timezone.now()


# ---- The page ---------------------------------------------------------------------------------------------


def test_the_page_tells_each_attempt_with_the_whole_conversation(acme: Account, member: Client) -> None:
    deferred(acme)
    with connection.cursor() as cursor:
        cursor.execute("truncate delivery_attempt")
    Attempt.objects.create(
        email_id=email().id, number=1, account=acme, started_at=timezone.now(), took_ms=1234, host="mx.example.com",
        ip="192.0.2.7", tls="TLSv1.3", verdict=Verdict.SOFT, code="4.2.2", reply="452 4.2.2 Mailbox full",
        conversation=[
            {"at": 0, "said": "", "answer": "220 mx"}, {"at": 310, "said": "RCPT TO:<b>", "answer": "452 no"},
        ],
    )  # fmt: skip
    page = " ".join(member.get(reverse("email", args=[acme.slug, email().id])).content.decode().split())
    for told in ("mx.example.com", "192.0.2.7", "TLSv1.3", "1,234 ms", "310 ms", "RCPT TO:&lt;b&gt;", "452 no",
                 "refused for now", "Try again now", "Give up"):  # fmt: skip
        assert told in page
    assert "Send once more" not in page
    viewer = signed_in(acme, Role.VIEWER).get(reverse("email", args=[acme.slug, email().id])).content.decode()
    assert "mx.example.com" in viewer
    assert "Try again now" not in viewer


def test_the_feed_says_when_emails_go_on_and_asks_once_for_all(
    acme: Account, member: Client, django_assert_num_queries: Any
) -> None:
    deferred(acme, *(f"r{n}@example.com" for n in range(5)))
    now = timezone.now()
    refused = [
        Event(Kind.DEFERRED, one.message_id, one.recipient, now, event_id="attempt-1", comment="452 4.2.2 Mailbox full")
        for one in Email.objects.all()
    ]
    record([Arrival(acme.pk, source_of(acme.pk), now, refused)])
    page = member.get(reverse("feed", args=[acme.slug])).content.decode()
    assert page.count("next try <time") == 5
    assert "2 attempts so far, given up on" in page
    emails = list(Email.objects.all())
    with django_assert_num_queries(1):
        rows.draw(emails, acme, now)


# ---- All emails of a filter -------------------------------------------------------------------------------


def begin(client: Client, account: Account, action: str, query: str) -> Errand:
    url = reverse("errand-add", args=[account.slug]) + f"?q={query}"
    assert client.post(url, {"do": action}).status_code == 302
    return Errand.objects.latest("id")


def test_the_confirmation_says_how_many_emails_it_is_about(acme: Account, member: Client) -> None:
    deferred(acme, "ann@example.com", "bob@example.com", "carl@other.test")
    url = reverse("errand-add", args=[acme.slug])
    page = member.get(url, {"q": "domain:example.com", "do": "give-up"}).content.decode()
    assert "This is about 2 emails." in page
    assert "This cannot be taken back." in page
    assert Outgoing.objects.count() == 3


def test_what_takes_too_long_to_count_is_said_and_can_be_done(
    acme: Account, member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred(acme)
    monkeypatch.setattr(errands, "COUNT", f"select pg_sleep(60), ({errands.COUNT})")
    monkeypatch.setattr(errands, "COUNT_MS", 20)
    page = member.get(reverse("errand-add", args=[acme.slug]), {"q": "is:held", "do": "give-up"}).content.decode()
    assert "They are too many to be counted in a moment." in page
    begin(member, acme, "give-up", "to:bob@example.com")
    errands.work()
    assert not Outgoing.objects.exists()


def test_all_of_a_filter_are_given_up_in_steps_and_the_others_not(
    acme: Account, member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "STEP", 3)
    monkeypatch.setattr(errands, "LOOK", 4)
    deferred(acme, *(f"r{n}@example.com" for n in range(10)), *(f"r{n}@other.test" for n in range(5)))
    errand = begin(member, acme, "give-up", "domain:example.com")
    assert errands.work() >= 4
    errand.refresh_from_db()
    assert (errand.seen, errand.done, errand.refused) == (10, 10, 0)
    assert errand.finished_at is not None
    assert Outgoing.objects.filter(domain="other.test").count() == Outgoing.objects.count() == 5
    page = member.get(reverse("errand", args=[acme.slug, errand.pk])).content.decode()
    assert "It is done." in page


def test_what_comes_after_the_order_is_not_touched(acme: Account, member: Client) -> None:
    deferred(acme, "ann@example.com")
    errand = begin(member, acme, "retry", "")
    Errand.objects.update(created_at=timezone.now() - timedelta(hours=1), place=email("ann@example.com").id + 1)
    deferred(acme, "later@example.com")
    errands.work()
    errand.refresh_from_db()
    assert errand.done == 1
    assert Outgoing.objects.get(recipient="later@example.com").next_attempt_at > timezone.now()


def test_all_of_a_filter_are_sent_once_more_as_one_order_a_step(
    acme: Account, member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "STEP", 4)
    names = [f"r{n}@example.com" for n in range(10)]
    place(acme, *names)
    finished(*names[:9])
    errand = begin(member, acme, "resend", "to:r*")
    errands.work()
    errand.refresh_from_db()
    assert (errand.done, errand.refused) == (9, 1)
    assert "still being tried" in errand.problem
    assert Message.objects.count() == 4
    assert Email.objects.count() == 19


def test_who_is_no_member_any_more_has_nothing_done(acme: Account, member: Client) -> None:
    deferred(acme)
    errand = begin(member, acme, "give-up", "")
    Membership.objects.filter(account=acme).delete()
    errands.work()
    errand.refresh_from_db()
    assert errand.stopped
    assert "not a member of the account any more" in errand.problem
    assert Outgoing.objects.exists()


def test_an_errand_is_stopped_and_what_is_left_stays(acme: Account, member: Client) -> None:
    deferred(acme)
    errand = begin(member, acme, "give-up", "")
    stop = reverse("errand-stop", args=[acme.slug, errand.pk])
    assert "It was stopped." in member.post(stop, follow=True).content.decode()
    assert "It was over already." in member.post(stop, follow=True).content.decode()
    assert AuditEntry.objects.filter(account=acme, action="emails.stopped").count() == 1
    assert errands.work() == 0
    assert Outgoing.objects.exists()


def test_an_errand_that_breaks_ends_with_a_sentence_and_holds_up_no_other(
    acme: Account, member: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred(acme)
    broken = begin(member, acme, "resend", "to:bob@example.com")
    good = begin(member, acme, "give-up", "to:bob@example.com")

    def breaks(*_given: object) -> None:
        raise KeyError("groups")

    monkeypatch.setattr("delivery.actions.resend", breaks)
    errands.work()
    broken.refresh_from_db()
    good.refresh_from_db()
    assert "Please report this" in broken.problem
    assert good.done == 1


def test_viewers_order_nothing_and_others_see_nothing(acme: Account, member: Client) -> None:
    deferred(acme)
    errand = begin(member, acme, "retry", "")
    viewer, stranger = signed_in(acme, Role.VIEWER), signed_in(make.account("Other"), Role.OWNER)
    for name, args in (("errand-add", []), ("errand", [errand.pk]), ("errand-stop", [errand.pk])):
        url = reverse(name, args=[acme.slug, *args])
        ask = "post" if name == "errand-stop" else "get"
        assert getattr(viewer, ask)(url).status_code == 403
        assert getattr(stranger, ask)(url).status_code == 404
    assert "Do with all" in member.get(reverse("feed", args=[acme.slug])).content.decode()
    assert "Do with all" not in viewer.get(reverse("feed", args=[acme.slug])).content.decode()


def test_an_unclear_filter_is_told_in_the_feed(acme: Account, member: Client) -> None:
    page = member.get(reverse("errand-add", args=[acme.slug]), {"q": "is:odd", "do": "retry"}, follow=True)
    assert "cannot stand behind" in page.content.decode()

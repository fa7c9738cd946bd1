"""From the queue to a mail server and back into the feed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from delivery.accept import accept
from delivery.housekeeping import look_after
from delivery.models import Attempt, Notice, Outgoing, Pace, SenderDomain, Transport, Verdict
from delivery.orders import Group, Mailbox, Order
from delivery.queue import Pair
from feeds.events import Bounce, Held, Status
from suppression.models import Reason, Suppression
from tests import make
from tests.delivery.engine import email, mailer, place, send_all, told, until
from tests.sinks import HANG, At, Sink

pytestmark = pytest.mark.django_db(transaction=True)

FULL = "452 4.2.2 The mailbox is full"
TOO_MANY = "421 4.7.28 Too many messages from your address, slow down"
SPAM = "550 5.7.1 Message blocked as spam"
GONE = "550 5.1.1 No such user here"


def answers(mx: Sink, **replies: Any) -> None:
    """Let the server answer like this from now on; names are local parts at example.com, or "all"."""
    mx._used.clear()
    mx.replies = {"*" if name == "all" else f"{name}@example.com": reply for name, reply in replies.items()}


def test_an_email_is_delivered_with_the_words_of_the_server(account: Account, mx: Sink) -> None:
    place(account, "bob@example.com")
    with mailer() as ours:
        send_all(ours)
    (message,) = mx.messages
    assert message.recipients == ["bob@example.com"]
    bob = email("bob@example.com")
    assert (bob.status, bob.comment) == (Status.DELIVERED, "250 2.0.0 OK queued as 4cX1bF")
    assert told("bob@example.com") == ["processed", "delivered"]
    assert not Outgoing.objects.exists()
    attempt = Attempt.objects.get()
    assert (attempt.email_id, attempt.number, attempt.verdict, attempt.final) == (bob.id, 1, Verdict.DELIVERED, True)
    assert any(line["said"].startswith("RCPT TO:<bob@example.com>") for line in attempt.conversation)


def test_links_and_pixel_are_added_and_the_whole_is_signed(account: Account, mx: Sink, settings: Any) -> None:
    settings.LIVEFEEDS_URL = "https://feeds.acme.test"
    make.signing_domain(account)
    place(account, "bob@example.com", html='<p>Hi <a href="https://acme.test/x">there</a></p>')
    with mailer() as ours:
        send_all(ours)
    parsed = mx.messages[0].parsed
    html = parsed.get_body(("html",))
    assert html is not None
    assert "https://acme.test/x" not in html.get_content()
    assert "https://feeds.acme.test/" in html.get_content()
    assert "d=acme.test" in parsed["DKIM-Signature"]
    assert "list-unsubscribe" in parsed["DKIM-Signature"]


def test_each_recipient_gets_what_is_theirs(account: Account, mx: Sink) -> None:
    group = Group(
        [Mailbox("bob@example.com", "Bob")], cc=[Mailbox("eve@example.com")],
        attributes={"NAME": "Robert"}, headers={"X-Order": "7"},
    )  # fmt: skip
    order = Order(Mailbox("shop@acme.test"), "Hi [%NAME%]", [group], html="<p>Dear [%NAME%]</p>", text="Dear [%NAME%]")
    accept(order, account, timezone.now())
    with mailer() as ours:
        send_all(ours)
    assert {message.recipients[0] for message in mx.messages} == {"bob@example.com", "eve@example.com"}
    for message in mx.messages:
        parsed = message.parsed
        assert (parsed["Subject"], parsed["X-Order"]) == ("Hi Robert", "7")
        assert (parsed["To"], parsed["Cc"]) == ("Bob <bob@example.com>", "eve@example.com")
        text = parsed.get_body(("plain",))
        assert text is not None
        assert text.get_content().startswith("Dear Robert")


def test_many_emails_share_a_few_connections(account: Account, mx: Sink) -> None:
    place(account, *(f"p{n}@example.com" for n in range(60)))
    with mailer() as ours:
        send_all(ours)
    assert sorted(m.recipients[0] for m in mx.messages) == sorted(f"p{n}@example.com" for n in range(60))
    assert mx.connections <= 4
    assert not Outgoing.objects.exists()


def test_a_relay_has_the_email_sent_and_knows_no_more(account: Account, mx: Sink, settings: Any) -> None:
    settings.ALLOWED_NETWORKS = make.LOOPBACK
    relay = Transport.objects.create(
        account=account, kind="relay", name="Relay", host="127.0.0.1", port=mx.port, is_default=True
    )
    place(account, "bob@example.com", "eve@example.org")
    with mailer() as ours:
        send_all(ours)
    assert email("bob@example.com").status == Status.SENT
    assert {a.transport_id for a in Attempt.objects.all()} == {relay.id}


def test_mail_of_a_domain_whose_way_is_switched_off_leaves_as_all_other_mail(
    account: Account, mx: Sink, settings: Any
) -> None:
    settings.ALLOWED_NETWORKS = make.LOOPBACK
    settings.MX_ROUTES = {"*": ("127.0.0.1", 1)}
    own, usual = (
        Transport.objects.create(account=account, kind="relay", name=name, host="127.0.0.1", port=mx.port)
        for name in ("own", "usual")
    )
    Transport.objects.filter(id=usual.id).update(is_default=True)
    Transport.objects.filter(id=own.id).update(enabled=False)
    SenderDomain.objects.update(transport=own)
    place(account, "bob@example.com")
    with mailer() as ours:
        send_all(ours)
    assert Attempt.objects.get().transport_id == usual.id


def test_a_refusal_for_now_is_tried_again_later(account: Account, mx: Sink) -> None:
    answers(mx, bob=[FULL, "250 2.1.5 OK"])
    place(account, "bob@example.com")
    with mailer() as ours:
        send_all(ours)
        row = Outgoing.objects.get()
        assert (row.attempts, row.claimed_by, row.reply) == (1, None, FULL)
        wait = row.next_attempt_at - timezone.now()
        assert timedelta(minutes=4) < wait < timedelta(minutes=6)
        assert email("bob@example.com").status == Status.PROCESSED
        Outgoing.objects.update(next_attempt_at=timezone.now())
        send_all(ours)
    assert told("bob@example.com") == ["processed", "deferred", "delivered"]
    assert [a.number for a in Attempt.objects.order_by("number")] == [1, 2]
    assert not Suppression.objects.exists()


def test_a_dead_address_bounces_and_is_mailed_no_more(account: Account, mx: Sink) -> None:
    answers(mx, gone=GONE)
    place(account, "gone@example.com")
    with mailer() as ours:
        send_all(ours)
    gone = email("gone@example.com")
    assert (gone.status, gone.bounce, gone.comment, gone.code) == (Status.BOUNCED, Bounce.HARD, GONE, "5.1.1")
    assert Suppression.objects.get().target == "gone@example.com"
    assert not Outgoing.objects.exists()


def test_a_refusal_of_the_sender_bounces_softly_and_is_told_to_the_account(account: Account, mx: Sink) -> None:
    answers(mx, all=At("end", SPAM))
    place(account, "bob@example.com", "ann@example.com")
    with mailer() as ours:
        send_all(ours)
    bob = email("bob@example.com")
    assert (bob.status, bob.bounce) == (Status.BOUNCED, Bounce.SOFT)
    assert not Suppression.objects.exists()
    notice = Notice.objects.get()
    assert (notice.account, notice.domain, notice.emails, notice.reply) == (account, "example.com", 2, SPAM)


def test_too_much_slows_the_whole_domain_and_nobody_else(account: Account, mx: Sink) -> None:
    mx.replies = {"example.com": TOO_MANY}
    place(account, *(f"p{n}@example.com" for n in range(30)), "ann@example.org")
    with mailer() as ours:
        until(lambda: ours.work(1) is not None and email("ann@example.org").status == Status.DELIVERED)
        until(lambda: Pace.objects.exists() and not ours.claimed)
        tried = Attempt.objects.count()
        assert tried < 10
        pace = Pace.objects.get()
        assert (pace.domain, pace.reply) == ("example.com", TOO_MANY)
        assert pace.slowed_until
        assert pace.slowed_until > timezone.now()
        ours.work(1)
        assert Attempt.objects.count() == tried
        # What waits for long is shown as held, and goes on by itself.
        past = timezone.now() - timedelta(minutes=2)
        Outgoing.objects.filter(attempts=0).update(next_attempt_at=past)
        look_after({Pair(account.id, "example.com"): pace.slowed_until}, timezone.now())
        assert Outgoing.objects.filter(held=Held.THROTTLED).count() == Outgoing.objects.filter(attempts=0).count() > 0
        mx.replies = {}
        Pace.objects.update(slowed_until=past, per_minute=None)
        Outgoing.objects.update(next_attempt_at=past)
        until(lambda: ours.work(1) is not None and not Outgoing.objects.exists())
    assert email("p7@example.com").status == Status.DELIVERED


def test_452_for_ever_is_tried_on_the_schedule_and_bounces_at_five_days(
    account: Account, mx: Sink, time_machine: Any
) -> None:
    answers(mx, bob=FULL)
    time_machine.move_to(make.NOON)
    place(account, "bob@example.com")
    tried: list[datetime] = []
    with mailer() as ours:
        while row := Outgoing.objects.first():
            time_machine.move_to(row.next_attempt_at - timedelta(minutes=1))
            ours.work(1)
            assert Attempt.objects.count() == len(tried), "not before its time"
            time_machine.move_to(row.next_attempt_at)
            tried.append(row.next_attempt_at)
            assert email("bob@example.com").status == Status.PROCESSED
            send_all(ours)
    assert tried[-1] == make.NOON + timedelta(days=5)
    assert 20 < len(tried) < 35
    bob = email("bob@example.com")
    assert (bob.status, bob.bounce, bob.comment) == (Status.BOUNCED, Bounce.SOFT, FULL)
    assert bob.bounced_at
    assert abs(bob.bounced_at - (make.NOON + timedelta(days=5))) < timedelta(seconds=30)
    assert told("bob@example.com")[-1] == "expired"
    assert not Suppression.objects.exists()


def test_what_is_accepted_on_the_fourth_day_is_delivered(account: Account, mx: Sink, time_machine: Any) -> None:
    answers(mx, bob=FULL)
    time_machine.move_to(make.NOON)
    place(account, "bob@example.com")
    with mailer() as ours:
        while row := Outgoing.objects.first():
            time_machine.move_to(row.next_attempt_at)
            if row.next_attempt_at > make.NOON + timedelta(days=3):
                answers(mx)
            send_all(ours)
    bob = email("bob@example.com")
    assert bob.status == Status.DELIVERED
    assert bob.delivered_at
    assert timedelta(days=3) < bob.delivered_at - make.NOON < timedelta(days=4)


def test_a_wish_beyond_the_end_is_respected_and_it_ends_in_time(account: Account, mx: Sink, time_machine: Any) -> None:
    answers(mx, bob="450 4.2.1 Busy, try again in 24 hours")
    time_machine.move_to(make.NOON)
    place(account, "bob@example.com")
    with mailer() as ours:
        while row := Outgoing.objects.first():
            time_machine.move_to(row.next_attempt_at)
            send_all(ours)
    assert Attempt.objects.count() == 5
    bob = email("bob@example.com")
    assert (bob.status, bob.bounce) == (Status.BOUNCED, Bounce.SOFT)
    assert bob.bounced_at
    assert abs(bob.bounced_at - (make.NOON + timedelta(days=5))) < timedelta(seconds=30)


def test_who_was_suppressed_meanwhile_is_not_mailed_and_costs_nothing(account: Account, mx: Sink) -> None:
    Account.objects.filter(id=account.id).update(is_metered=True, credits=5)
    place(account, "bob@example.com", "ann@example.com")
    make.suppression(account, reason=Reason.SPAM)
    with mailer() as ours:
        send_all(ours)
    bob = email("bob@example.com")
    assert (bob.status, bob.comment) == (Status.DROPPED, "Email dropped: User suppressed due to abuse complaint")
    assert [m.recipients for m in mx.messages] == [["ann@example.com"]]
    account.refresh_from_db()
    assert account.credits == 4


def test_without_credits_emails_are_held_and_go_on_when_there_are_some(account: Account, mx: Sink) -> None:
    place(account, *(f"p{n}@example.com" for n in range(5)))
    Account.objects.filter(id=account.id).update(is_metered=True, credits=2)
    with mailer() as ours:
        until(lambda: ours.work(1) is not None and len(mx.messages) == 2 and not ours.claimed)
        assert Outgoing.objects.filter(held=Held.CREDITS, claimed_by=None).count() == 3
        Account.objects.filter(id=account.id).update(credits=10)
        until(lambda: ours.work(1) is not None and not Outgoing.objects.exists())
    account.refresh_from_db()
    assert account.credits == 7


def test_a_retry_costs_no_second_credit(account: Account, mx: Sink) -> None:
    Account.objects.filter(id=account.id).update(is_metered=True, credits=3)
    answers(mx, bob=[FULL, "250 OK"])
    place(account, "bob@example.com")
    with mailer() as ours:
        send_all(ours)
        Outgoing.objects.update(next_attempt_at=timezone.now())
        send_all(ours)
    account.refresh_from_db()
    assert account.credits == 2


def test_a_disabled_account_sends_nothing_until_it_is_enabled(account: Account, mx: Sink) -> None:
    place(account, "bob@example.com")
    Account.objects.filter(id=account.id).update(enabled=False, disabled_reason="Unpaid.")
    with mailer() as ours:
        send_all(ours)
        assert email("bob@example.com").comment == "Held back: the account is disabled. Unpaid."
        assert not mx.messages
        Account.objects.filter(id=account.id).update(enabled=True)
        until(lambda: ours.work(1) is not None and not Outgoing.objects.exists())
    assert told("bob@example.com") == ["processed", "held", "released", "delivered"]


def test_a_server_that_cannot_be_reached_is_not_tried_for_each_email(account: Account, settings: Any) -> None:
    settings.MX_ROUTES = {"*": ("127.0.0.1", 1)}
    place(account, *(f"p{n}@example.com" for n in range(20)))
    with mailer() as ours:
        send_all(ours)
    assert Attempt.objects.count() == Outgoing.objects.filter(attempts=1).count() == 20
    assert sum(bool(attempt.conversation) for attempt in Attempt.objects.all()) < 5
    assert email("p3@example.com").recipient == "p3@example.com"
    assert told("p3@example.com")[-1] == "deferred"


def test_one_email_that_cannot_be_made_ready_holds_up_nobody(account: Account, mx: Sink) -> None:
    place(account, "bob@example.com")
    broken = place(account, "ann@example.com")
    Outgoing.objects.filter(message__uid=broken.uid).update(addressed={"to": [7]})
    with mailer() as ours:
        send_all(ours)
    assert email("bob@example.com").status == Status.DELIVERED
    assert Outgoing.objects.get().reply.startswith("The email could not be made ready")


def test_mail_from_before_the_account_was_limited_costs_nothing_more(account: Account, mx: Sink) -> None:
    answers(mx, bob=[FULL, "250 OK"])
    place(account, "bob@example.com")
    with mailer() as ours:
        send_all(ours)
        Account.objects.filter(id=account.id).update(is_metered=True, credits=0)
        Outgoing.objects.update(next_attempt_at=timezone.now())
        send_all(ours)
    assert email("bob@example.com").status == Status.DELIVERED


def test_what_was_paid_and_ends_untried_gets_its_credit_back(account: Account) -> None:
    place(account, "bob@example.com")
    Account.objects.filter(id=account.id).update(is_metered=True, credits=5)
    now = timezone.now()
    Outgoing.objects.update(is_paid=True, next_attempt_at=now - timedelta(hours=1), expires_at=now)
    look_after({Pair(account.id, "example.com"): now + timedelta(hours=1)}, now)
    account.refresh_from_db()
    assert (told("bob@example.com"), account.credits) == (["processed", "expired"], 6)


def test_destinations_that_hang_delay_nobody_else(account: Account, mx: Sink) -> None:
    mx.replies = {f"slow{n}.test": HANG for n in range(12)}
    slow = [f"p{n}@slow{n % 12}.test" for n in range(60)]
    with mailer(lanes=20) as ours:
        place(account, *slow)
        ours.work(1)
        place(account, *(f"p{n}@example.com" for n in range(40)))
        until(lambda: ours.work(1) is not None and len(mx.messages) == 40)
        hanging = [lane for d in ours.destinations.values() if d.key[1].startswith("slow") for lane in d.lanes]
        assert len(hanging) == len({lane.destination.key for lane in hanging}) <= 15, "one each"

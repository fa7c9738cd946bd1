from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from delivery import accept as accepting
from delivery import storage
from delivery.accept import Conflict, Idempotency, Refused, accept
from delivery.models import Answered, Attachment, Message, Outgoing, RetryPolicy, source_of
from delivery.orders import Accepted, Attached, Group, Mailbox, Order
from feeds.events import Held, Kind, Status
from feeds.models import Email, StoredEvent
from suppression.models import Reason
from tests import make

pytestmark = pytest.mark.django_db
NOW = make.NOON


@pytest.fixture
def account() -> Account:
    account = make.account()
    make.sender_domain(account)
    return account


def taken(account: Account, *to: str, **fields: Any) -> Accepted:
    return accept(make.order(*to, **fields), account, NOW)


def fields_of(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [fault.field for fault in refused.value.faults]


def statements(account: Account, order: Order) -> int:
    with CaptureQueriesContext(connection) as told:
        accept(order, account, NOW)
    return len(told)


def test_an_order_is_in_the_feed_and_in_the_queue(account: Account) -> None:
    told = taken(
        account, "Bob@Example.com", subject="Hi [%NAME%]", tags=["a", "b"],
        groups=[Group([Mailbox("Bob@Example.com", "Bob")], attributes={"NAME": "Bob"}, argument="order-7")],
    )  # fmt: skip

    email = Email.objects.get()
    assert (email.status, email.recipient, email.sender, email.subject, email.tags, email.argument) == (
        Status.PROCESSED, "bob@example.com", "news@acme.test", "Hi Bob", ["a", "b"], "order-7",
    )  # fmt: skip
    assert (email.message_id, email.source_id, email.comment) == (told.uid, source_of(account.id), "Accepted, queued")
    assert email.header_id == f"{told.uid}.{hashlib.blake2b(b'bob@example.com', digest_size=4).hexdigest()}@acme.test"
    row = Outgoing.objects.select_related("message").get()
    assert (row.email_id, row.recipient, row.domain, row.recipient_name) == (
        email.id, "Bob@example.com", "example.com", "Bob",
    )  # fmt: skip
    assert (row.message.uid, row.message_uid, row.attributes, row.held) == (told.uid, told.uid, {"NAME": "Bob"}, 0)
    assert (row.accepted_at, row.next_attempt_at, row.expires_at) == (NOW, NOW, NOW + timedelta(days=5))
    assert told.recipients[0].email_id == email.id


def test_content_stays_as_it_was_given(account: Account) -> None:
    files = [Attached("ü.txt", "text/plain", b"\0\xff\n")]
    taken(
        account, html="<p>é\0\ud800</p>", text="t", amp="a", reply_to="re@acme.test", headers={"X-One": "1"},
        attachments=files, settings={"open_track": False},
        groups=[Group([Mailbox("bob@example.com")], attachments=files, headers={"X-Two": "2"})],
    )  # fmt: skip

    message = Message.objects.get()
    assert message.parts == {
        "reply_to": "re@acme.test", "html": "<p>é?</p>", "text": "t", "amp": "a", "headers": {"X-One": "1"},
    }  # fmt: skip
    assert (message.settings, message.sender, message.sender_name) == ({"open_track": False}, "news@acme.test", "Acme")
    kept = Attachment.objects.order_by("id")
    assert [(f.recipient_group, f.name, f.content_type, bytes(f.content)) for f in kept] == [
        (None, "ü.txt", "text/plain", b"\0\xff\n"), (0, "ü.txt", "text/plain", b"\0\xff\n"),
    ]  # fmt: skip
    assert Outgoing.objects.get().headers == {"X-Two": "2"}


def test_a_whole_message_keeps_its_bytes_and_needs_no_content(account: Account) -> None:
    taken(
        account,
        raw=b"Subject: \xff\r\n\r\n\0",
        html="",
        subject="",
        groups=[Group([Mailbox("a@x.com"), Mailbox("b@x.com")])],
    )
    message = Message.objects.get()
    assert (bytes(message.raw or b""), message.parts) == (b"Subject: \xff\r\n\r\n\0", None)
    assert set(Outgoing.objects.values_list("recipient", "addressed")) == {("a@x.com", None), ("b@x.com", None)}


def test_to_and_cc_see_each_other_and_bcc_is_seen_by_nobody(account: Account) -> None:
    group = Group([Mailbox("a@x.com", "A"), Mailbox("no address")], [Mailbox("c@x.com")], [Mailbox("b@x.com", "B")])
    alone = Group([Mailbox("d@x.com")], bcc=[Mailbox("b@x.com")])
    taken(account, groups=[group, alone])
    seen = {"to": [["A", "a@x.com"]], "cc": [["", "c@x.com"]]}
    rows = {(row.recipient, row.recipient_group): row.addressed for row in Outgoing.objects.all()}
    assert rows == {
        ("a@x.com", 0): seen, ("c@x.com", 0): seen, ("b@x.com", 0): seen,
        ("d@x.com", 1): None, ("b@x.com", 1): {"to": [["", "d@x.com"]], "cc": []},
    }  # fmt: skip


def test_the_same_address_in_two_groups_gets_two_emails(account: Account) -> None:
    told = taken(account, "a@x.com", "A@x.com", "a@x.com")
    assert [place.email_id for place in told.recipients] == list(
        Outgoing.objects.order_by("message_uid").values_list("email_id", flat=True)
    )
    assert set(Email.objects.values_list("message_id", flat=True)) == {told.uid, f"{told.uid}.2", f"{told.uid}.3"}
    assert len(set(Email.objects.values_list("header_id", flat=True))) == 3


def test_an_invalid_address_is_dropped_with_the_reason_and_the_others_go_on(account: Account) -> None:
    told = taken(account, "not an address", "bob@example.com", "eve@host.invalid")
    assert Outgoing.objects.get().recipient == "bob@example.com"
    emails = Email.objects.filter(status=Status.DROPPED)
    assert {e.recipient: (e.comment.partition(". ")[0], e.code) for e in emails} == {
        "not an address": ("Email dropped: Recipient's address is invalid", "5.1.3"),
        "eve@host.invalid": ("Email dropped: Recipient's address is invalid", "5.1.3"),
    }
    assert set(StoredEvent.objects.filter(kind=Kind.DROPPED).values_list("name", flat=True)) == {"invalid"}
    assert [bool(place.dropped) for place in told.recipients] == [True, False, True]


def test_an_invalid_address_that_is_cut_at_a_blank_is_dropped_as_well(account: Account) -> None:
    told = taken(account, "x" * 319 + " and more", "bob@example.com")
    assert [place.address for place in told.recipients] == ["x" * 319, "bob@example.com"]


def test_a_suppressed_address_is_dropped_in_netcores_words(account: Account) -> None:
    make.suppression(account, reason=Reason.SPAM)
    taken(account, "Bob@example.com")
    email = Email.objects.get()
    assert (email.status, email.comment) == (Status.DROPPED, "Email dropped: User suppressed due to abuse complaint")
    assert StoredEvent.objects.get().name == "dropped"
    assert not Outgoing.objects.exists()
    assert Message.objects.get().parts is None  # nobody gets it, so nothing is kept


@pytest.mark.parametrize(
    ("brakes", "held", "says"),
    [
        (
            {"enabled": False, "disabled_reason": "Unpaid."},
            Held.DISABLED,
            "Held back: the account is disabled. Unpaid.",
        ),
        ({"is_metered": True, "credits": 0}, Held.CREDITS, "Held back: the account has no credits left."),
        ({"is_metered": True, "credits": 1}, Held.NO, "Accepted, queued"),
        ({"is_metered": False, "credits": 0}, Held.NO, "Accepted, queued"),
    ],
)
def test_the_brakes_of_the_account_hold_an_email_back(brakes: dict[str, Any], held: Held, says: str) -> None:
    account = make.account(**brakes)
    make.sender_domain(account)
    taken(account)
    email = Email.objects.get()
    assert (email.status, email.held, email.comment, Outgoing.objects.get().held) == (0, held, says, held)


def test_an_account_that_was_disabled_meanwhile_counts_as_it_is_now(account: Account) -> None:
    Account.objects.update(enabled=False)
    taken(account)
    assert Outgoing.objects.get().held == Held.DISABLED


def test_what_is_scheduled_waits_for_its_time_and_has_five_days_from_then(account: Account) -> None:
    at = NOW + timedelta(hours=3)
    taken(account, send_at=at)
    row, email = Outgoing.objects.get(), Email.objects.get()
    assert (row.held, row.next_attempt_at, row.expires_at) == (Held.SCHEDULED, at, at + timedelta(days=5))
    assert email.comment == "Held back: scheduled for 2026-03-10 15:00 UTC."
    assert Message.objects.get().kept_until == at + timedelta(days=5 + 7)


def test_what_is_scheduled_for_the_past_goes_out_now(account: Account) -> None:
    taken(account, send_at=NOW - timedelta(days=400))
    row = Outgoing.objects.get()
    assert (row.held, row.next_attempt_at, row.expires_at) == (Held.NO, NOW, NOW + timedelta(days=5))


def test_how_long_is_tried_is_said_by_the_policy_of_the_domain_or_of_the_account(account: Account) -> None:
    for domain, hours in (("", 24), ("slow.com", 48)):
        RetryPolicy.objects.create(account=account, domain=domain, minutes=[5], give_up_hours=hours)
    taken(account, "a@slow.com", "b@x.com")
    assert {r.domain: r.expires_at - NOW for r in Outgoing.objects.all()} == {
        "slow.com": timedelta(hours=48), "x.com": timedelta(hours=24),
    }  # fmt: skip
    assert Message.objects.get().kept_until == NOW + timedelta(hours=48, days=7)


def test_an_account_that_keeps_no_content_keeps_it_only_while_it_is_needed() -> None:
    account = make.account(content_days=0)
    make.sender_domain(account)
    taken(account)
    message = Message.objects.get()
    assert (message.kept_until, bool(message.parts)) == (NOW, True)


def test_the_number_of_statements_does_not_grow_with_the_recipients(account: Account) -> None:
    def some(recipients: int) -> int:
        files = [Attached(f"{n}.txt", "text/plain", b"x") for n in range(20)]
        to = [Group([Mailbox(f"r{n}@x{n % 40}.com")], attributes={"N": str(n)}) for n in range(recipients)]
        return statements(account, make.order(groups=to, attachments=files, tags=["a"]))

    taken(account, "first@x.com")
    assert statements(account, make.order("second@x.com")) <= 17
    assert some(2) == some(20) <= 20
    assert some(60) == some(5000) <= 22
    assert Outgoing.objects.count() == Email.objects.filter(status=Status.PROCESSED).count() == 5084


# ---- What is refused --------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_told_at_once(account: Account) -> None:
    order = make.order(sender=Mailbox("nobody"), subject=" ", html="", groups=[Group([])], reply_to="x")
    with pytest.raises(Refused) as refused:
        accept(order, account, NOW)
    assert fields_of(refused) == ["from.email", "reply_to", "subject", "content", "personalizations[0].to"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sender": Mailbox("me@elsewhere.test")}, "from.email"),
        ({"sender": Mailbox("me@sub.acme.test")}, "from.email"),
        ({"sender": Mailbox("")}, "from.email"),
        ({"groups": []}, "personalizations"),
        ({"groups": [Group([Mailbox(f"r{n}@x.com") for n in range(101)])]}, "personalizations[0].to"),
        ({"groups": [Group([Mailbox("b@x.com")])] * 10_001}, "personalizations"),
        ({"groups": [Group([Mailbox("b@x.com")], argument="x" * 256)]}, "personalizations[0].token_to"),
        ({"groups": [Group([Mailbox("b@x.com")], headers={"Bcc": "x"})]}, "personalizations[0].headers.Bcc"),
        ({"groups": [Group([Mailbox("b@x.com")], headers={"a b:": "x"})]}, "personalizations[0].headers.a b:"),
        ({"headers": {"X-Tags": "a"}}, "headers.X-Tags"),
        ({"headers": {"X-A": "a\r\nb"}}, "headers.X-A"),
        ({"subject": "x" * 999}, "subject"),
        ({"tags": ["x" * 101]}, "tags[0]"),
        ({"tags": [str(n) for n in range(51)]}, "tags"),
        ({"html": "x" * 27_000_000}, "content"),
        ({"attachments": [Attached("a", "b", b"x" * 20_000_000)]}, "attachments"),
        ({"raw": b"x" * 27_000_000}, "content"),
        ({"send_at": NOW + timedelta(days=31)}, "schedule"),
    ],
)
def test_what_cannot_be_taken_is_refused_whole_and_names_the_field(
    account: Account, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        accept(make.order(**fields), account, NOW)
    assert fields_of(refused) == [field]
    assert not Message.objects.exists()
    assert not Email.objects.exists()


def test_the_sender_domain_of_another_account_is_of_no_use(account: Account) -> None:
    with pytest.raises(Refused, match=r"acme\.test is not a sender domain"):
        accept(make.order(), make.account(), NOW)


def test_an_international_sender_domain_is_found_in_either_spelling() -> None:
    account = make.account()
    make.sender_domain(account, "xn--mller-kva.de")
    for address in ("a@müller.de", "a@xn--mller-kva.de"):
        accept(make.order(sender=Mailbox(address)), account, NOW)
    assert set(Email.objects.values_list("sender", flat=True)) == {"a@xn--mller-kva.de"}


# ---- Once, or not at all ----------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_stores_nothing_again(account: Account) -> None:
    key = Idempotency("k", "d" * 64)
    first = accept(make.order(), account, NOW, key)
    again = accept(make.order(), account, NOW, key)
    assert (again.uid, again.is_repeat, first.is_repeat) == (first.uid, True, False)
    assert Email.objects.count() == Message.objects.count() == Answered.objects.count() == 1


def test_the_same_key_with_another_request_is_a_conflict(account: Account) -> None:
    accept(make.order(), account, NOW, Idempotency("k", "d" * 64))
    with pytest.raises(Conflict, match="Take a new key"):
        accept(make.order("eve@x.com"), account, NOW, Idempotency("k", "e" * 64))
    assert Email.objects.count() == 1


def test_a_key_belongs_to_its_account(account: Account) -> None:
    other = make.account()
    make.sender_domain(other)
    key = Idempotency("k", "d" * 64)
    assert accept(make.order(), account, NOW, key).uid != accept(make.order(), other, NOW, key).uid


def test_a_refused_request_does_not_use_up_its_key(account: Account) -> None:
    with pytest.raises(Refused):
        accept(make.order(subject=""), account, NOW, Idempotency("k", "d" * 64))
    assert not accept(make.order(), account, NOW, Idempotency("k", "e" * 64)).is_repeat


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_the_same_key_one_is_stored_and_all_are_told_the_same() -> None:
    account = make.account()
    make.sender_domain(account)

    def one(_n: int) -> str:
        try:
            return accept(make.order("a@x.com", "b@x.com"), account, timezone.now(), Idempotency("k", "d" * 64)).uid
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        uids = set(threads.map(one, range(12)))
    assert len(uids) == 1
    assert (Message.objects.count(), Email.objects.count(), Outgoing.objects.count()) == (1, 2, 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["add_message", "record", "queue"])
def test_ending_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    account = make.account()
    make.sender_domain(account)
    where: Any = accepting if step == "record" else storage
    real = getattr(where, step)

    def and_then_die(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(where, step, and_then_die)
    with pytest.raises(KeyboardInterrupt):
        accept(make.order("a@x.com", "bad"), account, NOW, Idempotency("k", "d" * 64))
    for table in (Message, Outgoing, Email, StoredEvent, Answered, Attachment):
        assert not table.objects.exists()
    monkeypatch.undo()
    assert not accept(make.order(), account, NOW, Idempotency("k", "d" * 64)).is_repeat


def test_a_mailer_is_told_after_the_commit_unless_all_is_held(
    account: Account, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[str] = []
    monkeypatch.setattr(accepting, "nudge", lambda: told.append("look"))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        taken(account)
        assert told == []
    assert told == ["look"]
    with django_capture_on_commit_callbacks(execute=True):
        taken(account, send_at=NOW + timedelta(days=1))
    assert told == ["look"]

"""An account is told what bounced: at most once an hour, each bounce once, and never of the digests themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, AuditEntry, Role
from delivery import digest
from delivery.models import BounceDigest, Message, Outgoing, SenderDomain, UntoldBounce, source_of
from feeds.events import Arrival, Bounce, Event, Kind, Status
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from tests.delivery.engine import mailer, place, send_all
from tests.sinks import sink

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def acme() -> Account:
    account = make.account(time_zone="America/Sao_Paulo")
    make.sender_domain(account)
    return account


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, role=Role.ADMIN))
    return client


def choose(client: Client, account: Account, address: str) -> Any:
    return client.post(f"/a/{account.slug}/settings/customize/bounces/", {"address": address})


def bounce(account: Account, *recipients: str, name: str = "bounced", **fields: Any) -> None:
    told: dict[str, Any] = {"bounce": Bounce.HARD, "code": "5.1.1", "comment": "550 5.1.1 No\nsuch user"} | fields
    events = [Event(Kind.BOUNCED, f"m-{to}", to, timezone.now(), event_id="end", name=name, **told)
              for to in recipients]  # fmt: skip
    record([Arrival(account.id, source_of(account.id), timezone.now(), events, is_test=name == "test")])


def texts() -> list[str]:
    return [message.parts["text"] for message in Message.objects.order_by("id") if message.parts]


def test_it_tells_what_bounced_once(acme: Account, admin: Client, settings: Any) -> None:
    settings.LIVEFEEDS_URL = "https://feeds.acme.test"
    bounce(acme, "before@example.com")
    assert choose(admin, acme, "ops@acme.com").status_code == 302
    bounce(acme, "bob@example.com", "eve@example.com")
    bounce(acme, "full@example.org", name="expired", bounce=Bounce.SOFT, code="4.2.2", comment="452 4.2.2 Full")
    bounce(acme, "spam@example.net", name="blocked", bounce=Bounce.SOFT, code="5.7.1", comment="550 5.7.1 <Spam>")
    bounce(acme, "bob@example.com")
    now = timezone.now()
    assert digest.send_due(now) == 1
    (text,) = texts()
    assert text.startswith("4 emails of Acme bounced.\n\n2  Hard bounce: the address is dead\n1  Blocked: ")
    for said in ("1  Expired: ", "2  550 5.1.1 No such user", "1  550 5.7.1 <Spam>", "2  example.com\n"):
        assert said in text
    bob = Email.objects.get(recipient="bob@example.com")
    assert f"550 5.1.1 No such user\nhttps://feeds.acme.test/a/{acme.slug}/emails/{bob.id}/\n" in text
    assert "America/Sao_Paulo" in text
    message = Message.objects.get()
    assert (message.sender, message.subject) == ("no-reply@acme.test", "Acme: 4 emails bounced")
    assert not any(message.settings.values())
    found = admin.get(text.partition("in the feed:\n")[2].partition("\n")[0].removeprefix("https://feeds.acme.test"))
    shown = found.content.decode()
    assert all(name in shown for name in ("bob@example.com", "eve@", "full@", "spam@"))
    assert digest.send_due(now + HOUR) == 0


def test_at_most_once_an_hour_and_nothing_is_left_out(acme: Account, admin: Client) -> None:
    choose(admin, acme, "ops@acme.com")
    now = timezone.now()
    bounce(acme, "one@example.com")
    assert digest.send_due(now) == 1
    bounce(acme, "two@example.com")
    assert digest.send_due(now + HOUR - timedelta(seconds=1)) == 0
    bounce(acme, "three@example.com")
    assert digest.send_due(now + HOUR) == 1
    first, second = texts()
    assert "one@example.com" in first
    assert "two@example.com" in second
    assert "three@example.com" in second
    assert "one@example.com" not in second
    assert f"id%3A{Email.objects.get(recipient='one@example.com').id}" in first


def test_what_is_too_much_comes_with_the_next_one(
    acme: Account, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "BATCH", 10)
    monkeypatch.setattr(digest, "BATCHES", 3)
    choose(admin, acme, "ops@acme.com")
    bounce(acme, *(f"p{n}@d{n % 12}.example.com" for n in range(32)))
    now = timezone.now()
    assert [digest.send_due(now + n * HOUR) for n in range(3)] == [1, 1, 0]
    first, second = texts()
    assert first.startswith("30 emails of Acme bounced.")
    assert first.count("/emails/") == digest.NAMED
    assert "all others" in first
    assert "The first of them" in first
    assert second.startswith("2 emails of Acme bounced.")
    assert "Each of them" in second


def test_nobody_is_told_that_a_digest_or_a_test_bounced(acme: Account, admin: Client) -> None:
    choose(admin, acme, "ops@acme.com")
    bounce(acme, "one@example.com")
    now = timezone.now()
    assert digest.send_due(now) == 1
    uid = Message.objects.get().uid
    fact = Event(Kind.BOUNCED, uid, "ops@acme.com", now, event_id="attempt-1", name="blocked", bounce=Bounce.SOFT)
    record([Arrival(acme.id, source_of(acme.id), now, [fact])])
    bounce(acme, "test@example.com", name="test")
    assert digest.send_due(now + HOUR) == 0
    assert not UntoldBounce.objects.exists()


def test_without_a_domain_the_page_says_so_and_it_is_told_later(acme: Account, admin: Client) -> None:
    SenderDomain.objects.all().delete()
    choose(admin, acme, "ops@acme.com")
    page = admin.get(f"/a/{acme.slug}/settings/customize/").content.decode()
    assert "The account has no domain to send from yet." in page
    bounce(acme, "one@example.com")
    assert digest.send_due(timezone.now()) == 0
    make.sender_domain(acme, "mail.acme.test")
    assert "no-reply@mail.acme.test" in admin.get(f"/a/{acme.slug}/settings/customize/").content.decode()
    assert digest.send_due(timezone.now()) == 1


def test_a_disabled_account_is_told_when_it_is_enabled_again(acme: Account, admin: Client) -> None:
    choose(admin, acme, "ops@acme.com")
    Account.objects.update(enabled=False)
    bounce(acme, "one@example.com")
    assert digest.send_due(timezone.now()) == 0
    Account.objects.update(enabled=True)
    assert digest.send_due(timezone.now()) == 1


def test_a_digest_that_is_refused_takes_nothing_away(acme: Account, admin: Client) -> None:
    choose(admin, acme, "ops@acme.com")
    bounce(acme, "one@example.com")
    SenderDomain.objects.update(name="nowhere.invalid")
    assert digest.send_due(timezone.now()) == 0
    assert (UntoldBounce.objects.count(), Message.objects.count()) == (1, 0)


def test_it_is_off_as_it_comes_and_when_the_address_is_taken_away(acme: Account, admin: Client) -> None:
    bounce(acme, "one@example.com")
    assert not UntoldBounce.objects.exists()
    choose(admin, acme, "ops@acme.com")
    bounce(acme, "two@example.com")
    choose(admin, acme, "")
    bounce(acme, "three@example.com")
    assert not UntoldBounce.objects.exists()
    assert digest.send_due(timezone.now()) == 0
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["bounces.changed"] * 2


def test_only_an_address_is_taken_and_only_from_an_administrator(acme: Account, admin: Client) -> None:
    answer = choose(admin, acme, "ops at acme")
    assert (answer.status_code, "ops at acme" in answer.content.decode()) == (422, True)
    client = Client()
    client.force_login(make.member(acme, role=Role.MEMBER))
    assert choose(client, acme, "ops@acme.com").status_code in (403, 404)
    assert not BounceDigest.objects.exclude(address="").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("reachable")
def test_it_arrives_like_any_mail_and_has_nothing_of_ours_in_it(acme: Account, admin: Client, settings: Any) -> None:
    choose(admin, acme, "ops@acme.com")
    replies = {"gone.example": "550 5.1.1 No such user", "ops@acme.com": ["250 2.1.5 OK", "550 5.7.1 Spam"]}
    now = timezone.now()
    with sink(replies=replies) as mx, mailer() as ours:
        settings.MX_ROUTES = {"*": ("127.0.0.1", mx.port)}
        for hour, told in enumerate([1, 1, 0]):
            if told:
                place(acme, f"bob{hour}@gone.example")
                send_all(ours)
            assert digest.send_due(now + hour * HOUR) == told
            Outgoing.objects.update(next_attempt_at=now)
            send_all(ours)
    (mail,) = (message.parsed for message in mx.messages)
    assert (mail["From"], mail["Auto-Submitted"]) == ("Live Feeds <no-reply@acme.test>", "auto-generated")
    assert mail["List-Unsubscribe"] is None
    assert "550 5.1.1 No such user" in mail.get_content()
    assert "/t/" not in mail.get_content()
    assert Email.objects.filter(recipient="ops@acme.com", status=Status.BOUNCED).count() == 1


def test_what_could_not_be_told_is_forgotten(acme: Account, admin: Client) -> None:
    choose(admin, acme, "ops@acme.com")
    bounce(acme, "one@example.com")
    digest.forget(timezone.now())
    assert UntoldBounce.objects.exists()
    digest.forget(timezone.now() + digest.KEPT + HOUR)
    assert not UntoldBounce.objects.exists()

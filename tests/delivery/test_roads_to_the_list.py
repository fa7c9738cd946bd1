"""Every road onto the suppression list, and every road out that it closes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Role
from accounts.nudges import Nudge
from delivery import reception
from delivery.models import Outgoing
from feeds import inbox
from feeds.events import Bounce, Kind, Status
from feeds.models import Email, StoredEvent
from suppression.models import Cause, Origin, Reason, Suppression
from tests import make
from tests.delivery import test_returned
from tests.delivery.doors import opened
from tests.delivery.engine import mailer, place, send_all
from tests.delivery.test_actions import finished
from tests.delivery.v5.asking import key, post, request
from tests.sinks import Sink
from tracking.tokens import Signer, mailbox
from webhooks import intake, sources

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reachable")]

BOB = "bob@example.com"
NO_SUCH_USER = "550 5.1.1 No such user"
DROPPED = {
    Reason.HARD_BOUNCE: "Email dropped: User suppressed due to hard bounce",
    Reason.SPAM: "Email dropped: User suppressed due to abuse complaint",
    Reason.UNSUBSCRIBED: "Email dropped: User suppressed due to unsubscription",
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.RETURN_PATH_DOMAIN = test_returned.DOMAIN
    monkeypatch.setattr(sources, "_known", {})
    monkeypatch.setattr(intake, "_provider_of", {})
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)
    reception.forget()


@pytest.fixture
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that workers are told to run, so that nothing waits for a sweep."""
    told: list[str] = []
    monkeypatch.setattr(Nudge, "__call__", lambda self: told.append(self.task))
    return told


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.signing_domain(account)
    return account


def delivered(account: Account, mx: Sink, address: str = BOB) -> Email:
    """An email of ours that the recipient's server took."""
    place(account, address)
    with mailer() as ours:
        send_all(ours)
    return Email.objects.filter(account=account, recipient=address).latest("id")


# ---- The roads in ------------------------------------------------------------------------------------------


def webhook(account: Account, event: str, **more: Any) -> None:
    source = make.source(account, "netcore")
    told = {"TRANSID": 7, "EVENT": event, "EMAIL": BOB, "TIMESTAMP": int(timezone.now().timestamp()), **more}
    answer = Client().post(f"/in/{source.token}", json.dumps([told]), content_type="application/json")
    assert answer.status_code == 200


def bounce_by_webhook(account: Account, mx: Sink) -> None:
    webhook(account, "bounced", BOUNCE_TYPE="HARDBOUNCE", RESPONSE=NO_SUCH_USER)


def bounce_by_smtp(account: Account, mx: Sink) -> None:
    mx.replies = {"*": NO_SUCH_USER}
    delivered(account, mx)
    mx.replies = {}


def bounce_by_mail(account: Account, mx: Sink) -> None:
    back = test_returned.back(delivered(account, mx))
    reception.receive("", [back], "192.0.2.9", test_returned.dsn(answer=NO_SUCH_USER).lstrip().encode())


def complaint_by_webhook(account: Account, mx: Sink) -> None:
    webhook(account, "spam")


def complaint_by_mail(account: Account, mx: Sink) -> None:
    back = test_returned.back(delivered(account, mx))
    reception.receive("", [back], "192.0.2.9", test_returned.complaint().lstrip().encode())


def leave_by_webhook(account: Account, mx: Sink) -> None:
    webhook(account, "unsubscribed")


def leave_by_page(account: Account, mx: Sink) -> None:
    email = delivered(account, mx)
    assert Client(enforce_csrf_checks=True).post(Signer(account.id, email.id).leave()).status_code == 200


def leave_by_one_click(account: Account, mx: Sink) -> None:
    email = delivered(account, mx)
    path = Signer(account.id, email.id).leave()
    answer = Client(enforce_csrf_checks=True).post(path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200


def leave_by_mail(account: Account, mx: Sink) -> None:
    email = delivered(account, mx)
    box = f"{mailbox(account.id, email.id)}@{test_returned.DOMAIN}"
    reception.receive(BOB, [box], "192.0.2.9", f"From: {BOB}\nSubject: away\n\n".encode())


type Road = Callable[[Account, Sink], None]
ROADS_IN: list[tuple[Road, Reason, Kind]] = [
    (bounce_by_webhook, Reason.HARD_BOUNCE, Kind.BOUNCED),
    (bounce_by_smtp, Reason.HARD_BOUNCE, Kind.BOUNCED),
    (bounce_by_mail, Reason.HARD_BOUNCE, Kind.BOUNCED),
    (complaint_by_webhook, Reason.SPAM, Kind.SPAM),
    (complaint_by_mail, Reason.SPAM, Kind.SPAM),
    (leave_by_webhook, Reason.UNSUBSCRIBED, Kind.UNSUBSCRIBED),
    (leave_by_page, Reason.UNSUBSCRIBED, Kind.UNSUBSCRIBED),
    (leave_by_one_click, Reason.UNSUBSCRIBED, Kind.UNSUBSCRIBED),
    (leave_by_mail, Reason.UNSUBSCRIBED, Kind.UNSUBSCRIBED),
]


# ---- The roads out -----------------------------------------------------------------------------------------


def out_by_http(account: Account, home: Path) -> None:
    assert post(key(account), request(BOB)).status_code == 202


def out_by_smtp(account: Account, home: Path) -> None:
    with opened(home) as door, door.client(key(account)) as client:
        client.sendmail("news@acme.test", [BOB], b"From: news@acme.test\r\nSubject: Hello\r\n\r\nHello\r\n")


def out_by_hand(account: Account, home: Path) -> None:
    """Sent once more from its page; it is an email from before that everybody got."""
    finished(BOB)
    client = Client()
    client.force_login(make.member(account, role=Role.MEMBER))
    sent = Email.objects.filter(account=account, recipient=BOB, source_id__lt=0).earliest("id")
    client.post(reverse("email-resend", args=[account.slug, sent.id]))


def newest(account: Account) -> Email:
    return Email.objects.filter(account=account, recipient=BOB).latest("id")


@pytest.mark.parametrize(("road", "reason", "kind"), ROADS_IN)
def test_who_must_not_be_mailed_is_on_the_list_with_the_proof_and_mailed_no_more(
    acme: Account, mx: Sink, nudged: list[str], tmp_path: Path, road: Road, reason: Reason, kind: Kind
) -> None:
    delivered(acme, mx)
    # Handed in before and not sent yet: the queue asks once more.
    nudged.clear()
    road(acme, mx)
    if road is not bounce_by_smtp:
        assert "feeds.tasks.read_inbox" in nudged
        place(acme, BOB)
        queued = newest(acme)
        assert queued.status == Status.PROCESSED
        inbox.work()
        took = len(mx.messages)
        with mailer() as ours:
            send_all(ours)
        queued.refresh_from_db()
        assert (queued.status, queued.comment, len(mx.messages)) == (Status.DROPPED, DROPPED[reason], took)
    entry = Suppression.objects.get(account=acme)
    assert (entry.target, entry.reason, entry.origin) == (BOB, reason, Origin.EVENT)
    cause = entry.causes.get()
    event = StoredEvent.objects.get(email_id=cause.email_id or 0, key=cause.event_key or 0)
    assert (event.kind, event.source_id, event.occurred_at) == (kind, cause.source_id, cause.at)
    if kind == Kind.BOUNCED:
        assert "No such user" in cause.comment
    mx.messages.clear()
    for out in (out_by_http, out_by_smtp, out_by_hand):
        before = newest(acme)
        out(acme, tmp_path)
        with mailer() as ours:
            send_all(ours)
        told = newest(acme)
        assert told.id > before.id
        assert (told.status, told.comment) == (Status.DROPPED, DROPPED[reason])
    assert not mx.messages
    viewer = Client()
    viewer.force_login(make.member(acme, role=Role.VIEWER))
    page = viewer.get(reverse("email", args=[acme.slug, newest(acme).id])).content.decode()
    link = reverse("suppression", args=[acme.slug, entry.id])
    assert f'<a href="{link}">' in page
    assert viewer.get(link).status_code == 200
    assert DROPPED[reason] in page


def softly(account: Account, mx: Sink) -> None:
    webhook(account, "bounced", BOUNCE_TYPE="SOFTBOUNCE", RESPONSE="552 5.2.2 Mailbox full")


def full(account: Account, mx: Sink) -> None:
    back = test_returned.back(delivered(account, mx))
    mail = test_returned.dsn(answer="552 5.2.2 mailbox full")
    reception.receive("", [back], "192.0.2.9", mail.lstrip().encode())


def blocked(account: Account, mx: Sink) -> None:
    """The sender is refused and not the recipient."""
    mx.replies = {"*": "554 5.7.1 Blocked by policy: the sender is listed as spam"}
    delivered(account, mx)


def expired(account: Account, mx: Sink) -> None:
    """Refused for now until its days are over."""
    place(account, BOB)
    Outgoing.objects.update(expires_at=timezone.now())
    mx.replies = {"*": "450 4.2.1 Later"}
    with mailer() as ours:
        send_all(ours)


@pytest.mark.parametrize("road", [softly, full, blocked, expired])
def test_what_is_no_fault_of_the_address_never_stops_it(acme: Account, mx: Sink, road: Road) -> None:
    road(acme, mx)
    inbox.work()
    bounced = Email.objects.get(recipient=BOB, status=Status.BOUNCED)
    assert bounced.bounce == Bounce.SOFT
    assert not Suppression.objects.exists()
    assert not Cause.objects.exists()
    mx.replies = {}
    assert delivered(acme, mx).status == Status.DELIVERED

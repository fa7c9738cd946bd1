"""Returned mail through the inbox: what carries our token changes its email, and nothing else changes anything."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Role, User
from delivery import accept, reception, tokens
from delivery.models import source_of
from feeds import inbox
from feeds.events import Bounce, Kind, Status
from feeds.models import Email, StoredEvent
from suppression.models import Suppression
from tests import make
from tracking import tokens as links

pytestmark = pytest.mark.django_db

DOMAIN = "bounce.acme.test"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.RETURN_PATH_DOMAIN = DOMAIN
    reception.forget()
    monkeypatch.setattr(reception, "nudge", lambda: None)
    monkeypatch.setattr(inbox, "LINGER_SECONDS", 0)


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.sender_domain(account)
    return account


def sent(account: Account, address: str = "bob@example.com") -> Email:
    """An email of this account that was taken over by the recipient's server."""
    accept.accept(make.order(address), account, timezone.now())
    return Email.objects.filter(account=account, recipient=address).latest("id")


def back(email: Email) -> str:
    return tokens.return_path(email.id, DOMAIN)


def came(content: str, to: str, sender: str = "") -> int:
    """This mail came to the SMTP port and was read; gives its id."""
    (inbox_id,) = reception.receive(sender, [to], "192.0.2.9", content.lstrip().encode())
    inbox.work()
    return inbox_id


def dsn(
    recipient: str = "bob@example.com",
    action: str = "failed",
    answer: str = "550 5.1.1 user unknown",
    *,
    number: str = "1",
    envelope_id: str = "",
    original: str = "Subject: Hello",
) -> str:
    envelope = f"Original-Envelope-Id: {envelope_id}\n" if envelope_id else ""
    return f"""
From: MAILER-DAEMON@mx.example.com
To: news@acme.test
Message-ID: <report-{number}@mx.example.com>
Subject: Delivery report
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

This is a report.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com
{envelope}
Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {answer[4:9]}
Diagnostic-Code: smtp; {answer}

--x
Content-Type: text/rfc822-headers

{original}

--x--
"""


def complaint(kind: str = "abuse", original: str = "Subject: Hello", number: str = "1") -> str:
    return f"""
From: fbl@example.com
To: abuse@acme.test
Message-ID: <complaint-{number}@example.com>
Subject: FW: Hello
Content-Type: multipart/report; report-type=feedback-report; boundary=x

--x
Content-Type: message/feedback-report

Feedback-Type: {kind}
Version: 1

--x
Content-Type: message/rfc822

{original}

Hello
--x--
"""


def kinds(email: Email) -> list[Kind]:
    """What is known of the email beside its acceptance."""
    rows = StoredEvent.objects.filter(email_id=email.id).exclude(kind=Kind.PROCESSED).order_by("received_at", "key")
    return [Kind(row.kind) for row in rows]


def last(email: Email) -> StoredEvent:
    return StoredEvent.objects.filter(email_id=email.id).exclude(kind=Kind.PROCESSED).latest("received_at")


def reason_of(account: Account, address: str = "bob@example.com") -> list[Suppression]:
    return list(Suppression.objects.filter(account=account, target=address))


# ---- What carries our token -------------------------------------------------------------------------------


def test_a_hard_bounce_bounces_its_email_and_suppresses_the_address(acme: Account) -> None:
    email = sent(acme)
    came(dsn(), back(email))
    email.refresh_from_db()
    assert (email.status, email.bounce) == (Status.BOUNCED, Bounce.HARD)
    assert (email.comment, email.code) == ("550 5.1.1 user unknown", "5.1.1")
    assert len(reason_of(acme)) == 1
    assert last(email).source_id == source_of(acme.id)


def test_a_soft_bounce_suppresses_nobody(acme: Account) -> None:
    email = sent(acme)
    came(dsn(answer="552 5.2.2 mailbox full"), back(email))
    email.refresh_from_db()
    assert (email.status, email.bounce) == (Status.BOUNCED, Bounce.SOFT)
    assert reason_of(acme) == []


@pytest.mark.parametrize(
    ("action", "answer", "kind"),
    [
        ("delayed", "451 4.4.1 no answer", Kind.DEFERRED),
        ("delivered", "250 2.0.0 taken", Kind.DELIVERED),
        ("relayed", "250 2.0.0 passed on", Kind.DELIVERED),
    ],
)
def test_other_reports_are_what_they_say(acme: Account, action: str, answer: str, kind: Kind) -> None:
    email = sent(acme)
    came(dsn(action=action, answer=answer), back(email))
    assert kinds(email) == [kind]
    assert last(email).comment == answer


def test_a_mail_that_comes_twice_is_told_once(acme: Account) -> None:
    email = sent(acme)
    for _time in range(2):
        came(dsn(), back(email))
    came("Received: by another server\n" + dsn().lstrip(), back(email))
    assert kinds(email) == [Kind.BOUNCED]
    came(dsn(number="2", action="delayed", answer="451 4.4.1 later"), back(email))
    assert len(kinds(email)) == 2


def test_an_answer_after_the_address_was_passed_on_is_not_about_the_address(acme: Account) -> None:
    email = sent(acme)
    came(dsn("old-bob@elsewhere.example"), back(email))
    email.refresh_from_db()
    assert (email.status, email.bounce) == (Status.BOUNCED, Bounce.SOFT)
    assert reason_of(acme) == []


def test_who_is_named_beside_the_recipient_is_nobodys_business(acme: Account) -> None:
    email = sent(acme)
    others = dsn("ann@example.com").replace(
        "Final-Recipient: rfc822; ann@example.com",
        "Final-Recipient: rfc822; eve@example.com\nAction: failed\nStatus: 5.1.1\n\n"
        "Final-Recipient: rfc822; ann@example.com",
    )
    came(others, back(email))
    assert kinds(email) == []


def test_the_envelope_id_is_as_good_as_the_address(acme: Account) -> None:
    email = sent(acme)
    came(dsn(envelope_id=tokens.token(email.id)), f"postmaster@{DOMAIN}")
    assert kinds(email) == [Kind.BOUNCED]


def test_a_complaint_marks_its_email_and_suppresses_the_address(acme: Account) -> None:
    email = sent(acme)
    came(complaint(), back(email))
    email.refresh_from_db()
    assert email.status == Status.SPAM
    assert last(email).name == "abuse"
    assert len(reason_of(acme)) == 1


@pytest.mark.parametrize(
    "proof",
    [
        "Return-Path: <{back}>",
        "List-Unsubscribe: <mailto:{box}@bounce.acme.test>",
        "List-Unsubscribe: <https://t.example.com/x>, <{leave}>",
    ],
)
def test_a_complaint_without_a_recipient_is_matched_by_what_it_returns(acme: Account, proof: str) -> None:
    email = sent(acme)
    leave = links.Signer(acme.id, email.id, "https://t.example.com").leave()
    original = proof.format(back=back(email), box=links.mailbox(acme.id, email.id), leave=leave)
    came(complaint(original=original), f"fbl@{DOMAIN}")
    assert kinds(email) == [Kind.SPAM]


@pytest.mark.parametrize(("kind", "told"), [("opt-out", [Kind.UNSUBSCRIBED]), ("not-spam", []), ("auth-failure", [])])
def test_not_every_report_of_feedback_is_a_complaint(acme: Account, kind: str, told: list[Kind]) -> None:
    email = sent(acme)
    came(complaint(kind), back(email))
    assert kinds(email) == told


def test_an_automatic_reply_is_kept_and_bounces_nothing(acme: Account) -> None:
    email = sent(acme)
    came("From: bob@example.com\nSubject: Out of office: Hello\nAuto-Submitted: auto-replied\n\nAway.\n", back(email))
    email.refresh_from_db()
    assert kinds(email) == [Kind.AUTO_REPLIED]
    assert email.status == Status.PROCESSED
    assert reason_of(acme) == []


def test_a_mail_to_the_address_for_leaving_unsubscribes(acme: Account) -> None:
    email = sent(acme)
    box = f"{links.mailbox(acme.id, email.id)}@{DOMAIN}"
    came("From: bob@example.com\nSubject: Away\nAuto-Submitted: auto-replied\n\n", box)
    assert kinds(email) == [Kind.AUTO_REPLIED]
    came("From: bob@example.com\nSubject: whatever\n\n", box)
    assert sorted(kinds(email)) == [Kind.UNSUBSCRIBED, Kind.AUTO_REPLIED]
    assert len(reason_of(acme)) == 1


def test_a_letter_that_asks_to_leave_counts_if_it_is_the_recipients_own(acme: Account) -> None:
    email = sent(acme)
    came("From: eve@example.com\nSubject: unsubscribe\n\n", back(email))
    assert kinds(email) == []
    came("From: Bob <bob@example.com>\nSubject: Unsubscribe\n\n", back(email))
    assert kinds(email) == [Kind.UNSUBSCRIBED]


def test_what_came_to_nobody_is_handed_on_to_the_account_it_is_about(acme: Account) -> None:
    other, email = make.account("other"), sent(acme)
    make.sender_domain(other, "other.test", return_path="bounce.other.test")
    for to in (f"fbl@{DOMAIN}", "fbl@bounce.other.test"):
        came(complaint(original=f"Return-Path: <{back(email)}>"), to)
    assert kinds(email) == [Kind.SPAM]
    assert StoredEvent.objects.filter(account=other).count() == 0


# ---- What does not ----------------------------------------------------------------------------------------


def forged(email: Email) -> str:
    """A token with one letter changed."""
    good = tokens.token(email.id)
    letter = "a" if good[5] != "a" else "b"
    return good[:5] + letter + good[6:]


@pytest.mark.parametrize("to", ["b+{forged}@bounce.acme.test", "anybody@bounce.acme.test"])
@pytest.mark.parametrize("what", ["bounce", "complaint", "leave"])
def test_nobody_can_forge_a_report(acme: Account, to: str, what: str) -> None:
    email = sent(acme)
    original = f"Message-ID: <{email.header_id}>\nTo: bob@example.com\nReturn-Path: <b+{forged(email)}@{DOMAIN}>"
    content = {
        "bounce": dsn(envelope_id=forged(email), original=original),
        "complaint": complaint(original=original),
        "leave": "From: bob@example.com\nSubject: unsubscribe\n\n",
    }[what]
    came(content, to.format(forged=forged(email)))
    email.refresh_from_db()
    assert kinds(email) == []
    assert email.status == Status.PROCESSED
    assert reason_of(acme) == []


def test_the_token_of_one_email_says_nothing_of_another(acme: Account) -> None:
    mine, theirs = sent(acme, "mallory@example.com"), sent(acme)
    came(dsn(original=f"Message-ID: <{theirs.header_id}>"), back(mine))
    assert kinds(theirs) == []
    assert reason_of(acme) == []


def test_no_mail_is_lost_by_what_it_holds(acme: Account) -> None:
    email = sent(acme)
    for content in ("", "\0\0", "Subject: \udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "x" * 100_000):
        came(content, back(email))
    assert kinds(email) == []
    assert inbox.waiting(source_of(acme.id))[0] == 0


# ---- The pages --------------------------------------------------------------------------------------------


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_returned_mail_is_listed_with_what_it_did(client: Client, acme: Account) -> None:
    where = f"/a/{acme.slug}/settings/returned/"
    assert "Nothing came back so far." in text(client, where)
    email = sent(acme)
    matched = came(dsn(), back(email))
    stray = came(dsn(number="2"), f"b+{forged(email)}@{DOMAIN}")
    listed = text(client, where)
    assert f'href="/a/{acme.slug}/emails/{email.id}/"' in listed
    assert f'href="{where}{matched}/"' in listed
    assert f'href="{where}{stray}/"' not in listed  # it came to the installation's domain: nobody's
    assert f'href="{where}{matched}/"' not in text(client, where + "?show=unmatched")


def test_what_was_not_matched_says_why(client: Client, acme: Account) -> None:
    make.sender_domain(acme, "shop.test", return_path="bounce.shop.test")
    email = sent(acme)
    hint = f"Message-ID: <{email.header_id}>\nSubject: <script>alert(1)</script>"
    stray = came(dsn(original=hint), "anybody@bounce.shop.test")
    where = f"/a/{acme.slug}/settings/returned/"
    assert "anybody could have written it" in text(client, where + "?show=unmatched")
    shown = text(client, f"{where}{stray}/")
    assert "anybody could have written it" in shown
    assert "it proves nothing" in shown
    assert "550 5.1.1 user unknown" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert(1)" not in shown


def test_the_list_goes_on_page_by_page(client: Client, acme: Account) -> None:
    email = sent(acme)
    ids = [came(dsn(number=str(n), action="delayed", answer="451 4.4.1 later"), back(email)) for n in range(27)]
    where = f"/a/{acme.slug}/settings/returned/"
    first = text(client, where)
    assert f"{where}{ids[26]}/" in first
    assert f"{where}{ids[1]}/" not in first
    assert f"?before={ids[2]}" in first
    assert f"{where}{ids[1]}/" in text(client, f"{where}?before={ids[2]}")
    assert "There are no older ones." in text(client, f"{where}?before={ids[0]}")
    assert f"{where}{ids[26]}/" in text(client, f"{where}?before=nonsense")


def test_nobody_sees_another_accounts_mail(client: Client, acme: Account) -> None:
    other = make.account("other")
    make.sender_domain(other)
    matched = came(dsn(), back(sent(other)))
    nobodys = came(dsn(number="2"), f"anybody@{DOMAIN}")
    where = f"/a/{acme.slug}/settings/returned/"
    for inbox_id in (matched, nobodys, 10**18, 10**30):
        assert client.get(f"{where}{inbox_id}/").status_code == 404
    listed = text(client, where + "?show=unclaimed")
    assert "Nothing came back so far." in listed
    assert "Nobody's" not in listed
    assert client.get(f"/a/{other.slug}/settings/returned/").status_code == 404


def test_who_looks_after_the_installation_sees_what_is_nobodys(client: Client, acme: Account) -> None:
    User.objects.filter(username="vera").update(is_superuser=True)
    nobodys = came(dsn(), f"anybody@{DOMAIN}")
    where = f"/a/{acme.slug}/settings/returned/"
    assert f"{where}{nobodys}/" in text(client, where + "?show=unclaimed")
    assert "user unknown" in text(client, f"{where}{nobodys}/")

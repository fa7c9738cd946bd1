"""What waits, what was tried, and what people do about it, as Chromium shows it at both widths."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.credits import add
from accounts.models import Account
from delivery import errands, holds
from delivery.accept import accept
from delivery.models import Attempt, Outgoing, Verdict, source_of
from feeds.events import Arrival, Event, Kind, Status
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FULL = "452 4.2.2 The mailbox of this recipient is over its quota, try again later"


def refused(account: Account, recipient: str) -> Email:
    """An email that was tried once, and is tried again in an hour."""
    now = timezone.now()
    make.sender_domain(account)
    accept(make.order(recipient), account, now)
    email = Email.objects.get(recipient=recipient)
    event = Event(Kind.DEFERRED, email.message_id, recipient, now, event_id="attempt-1", code="4.2.2", comment=FULL)
    record([Arrival(account.pk, source_of(account.pk), now, [event])])
    Outgoing.objects.update(attempts=1, next_attempt_at=now + timedelta(hours=1), code="4.2.2", reply=FULL)
    said = ["", "EHLO out.example.com", "MAIL FROM:<b+a2c4@bounces.example.com> SIZE=4096", f"RCPT TO:<{recipient}>"]
    answers = ["220 mx.example.com ESMTP", "250-mx.example.com\n250-PIPELINING\n250 8BITMIME", "250 2.1.0 OK", FULL]
    Attempt.objects.create(
        email_id=email.id, number=1, account=account, started_at=now, took_ms=812, host="mx.example.com",
        ip="2001:db8::25", tls="TLSv1.3 TLS_AES_256_GCM_SHA384", verdict=Verdict.SOFT, code="4.2.2", reply=FULL,
        conversation=[
            {"at": 200 * n, "said": line, "answer": answer}
            for n, (line, answer) in enumerate(zip(said, answers, strict=True))
        ],
    )  # fmt: skip
    return email


@WIDTHS
def test_an_attempt_is_looked_at_and_the_email_tried_again_and_given_up(
    signed_in: Open, acme: Account, width: int
) -> None:
    email = refused(acme, "full@example.com")
    page = signed_in(width)
    if width > 1000:
        expect(page.locator("#rows .c-next")).to_contain_text("next try")
    check(page)
    page.get_by_role("link", name="full@example.com").click()
    page.goto(f"/a/{acme.slug}/emails/{email.id}/")
    expect(page.get_by_text("Given up on")).to_be_visible()
    check(page)
    page.locator(".attempt > summary").click()
    expect(page.get_by_text("EHLO out.example.com")).to_be_visible()
    expect(page.get_by_text("2001:db8::25")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Try again now").click()
    expect(page.get_by_text("It is tried again at once.")).to_be_visible()
    assert Outgoing.objects.get().next_attempt_at <= timezone.now()
    page.locator("summary", has_text="Give up").click()
    check(page)
    page.get_by_role("button", name="Yes, give it up").click()
    expect(page.get_by_text("Given up by olga.").first).to_be_visible()
    page.locator("summary", has_text="Send once more").click()
    page.get_by_role("button", name="Yes, send it once more").click()
    expect(page.get_by_text("sent once more, as a new email")).to_be_visible()
    assert Email.objects.count() == 2
    check(page)


@WIDTHS
def test_all_emails_of_a_filter_are_given_up(signed_in: Open, acme: Account, width: int) -> None:
    refused(acme, "full@example.com")
    page = signed_in(width, "?q=is%3Aretrying")
    page.get_by_role("link", name="Do with all").click()
    check(page)
    page.get_by_role("link", name="Give up").click()
    expect(page.get_by_text("This is about 1 email.")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Yes: Give up").click()
    expect(page.get_by_text("It is under way.")).to_be_visible()
    check(page)
    errands.work()
    expect(page.get_by_text("It is done.")).to_be_visible()
    check(page)
    assert Email.objects.get().status == Status.BOUNCED


@WIDTHS
def test_what_is_held_says_why_and_leaves_the_filter_when_it_goes_on(
    signed_in: Open, acme: Account, width: int
) -> None:
    Account.objects.update(is_metered=True)
    acme.refresh_from_db()
    make.sender_domain(acme)
    accept(make.order("bob@example.com"), acme, timezone.now())
    page = signed_in(width, "?q=is%3Aheld")
    expect(page.get_by_text("This account has no credits left.")).to_be_visible()
    expect(page.locator("#rows .is-held")).to_have_count(1)
    expect(page.locator(".live[data-state=live]")).to_be_visible()
    check(page)
    add(acme, 5, None)
    holds.release_due(timezone.now())
    expect(page.locator("#rows tr")).to_have_count(0)


@SCHEMES
def test_the_pages_are_readable_in_light_and_dark(signed_in: Open, acme: Account, color_scheme: str) -> None:
    email = refused(acme, "full@example.com")
    page = signed_in(path="?q=is%3Aretrying", color_scheme=color_scheme)
    check(page)
    page.goto(f"/a/{acme.slug}/emails/{email.id}/")
    page.locator(".attempt > summary").click()
    check(page)
    page.goto(f"/a/{acme.slug}/errands/add/?q=is%3Aretrying&do=resend")
    check(page)


@WIDTHS
def test_the_pages_fit_in_portuguese(signed_in: Open, acme: Account, width: int) -> None:
    email = refused(acme, "full@example.com")
    Account.objects.update(is_metered=True)
    accept(make.order("bob@example.com"), acme, timezone.now())
    page = signed_in(width, locale="pt-BR")
    check(page)
    page.goto(f"/a/{acme.slug}/emails/{email.id}/")
    page.locator(".attempt > summary").click()
    check(page)
    page.goto(f"/a/{acme.slug}/errands/add/?q=is%3Aretrying&do=give-up")
    check(page)

"""Returned mail, as Chromium shows it at both widths, in light and dark."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Account
from delivery import accept, tokens
from delivery.models import source_of
from delivery.returned import KIND
from feeds import inbox
from feeds.models import Email
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check
from tests.delivery.test_returned import DOMAIN, dsn

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def came(account: Account, to: str, number: str) -> None:
    headers = {"rcpt-to": to, "mail-from": "", "peer": "192.0.2.9"}
    body = dsn(number=number).lstrip().encode()
    source = source_of(account.id)
    inbox.store(inbox.Incoming(account.id, source, KIND, timezone.now(), "message/rfc822", headers, body))
    inbox.work()


@pytest.fixture
def email(acme: Account) -> Email:
    """An email that bounced, and a bounce that anybody could have written."""
    make.sender_domain(acme)
    accept.accept(make.order("bob@example.com"), acme, timezone.now())
    email = Email.objects.get(recipient="bob@example.com")
    came(acme, tokens.return_path(email.id, DOMAIN), "1")
    came(acme, f"anybody@{DOMAIN}", "2")
    return email


@WIDTHS
def test_a_returned_mail_leads_to_its_email(signed_in: Open, email: Email, width: int) -> None:
    page = signed_in(width, "settings/returned/")
    check(page)
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Not matched").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    check(page)
    page.get_by_role("link", name="Bounce").click()
    expect(page.get_by_text("anybody could have written it")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Returned mail").first.click()
    page.get_by_role("link", name="bob@example.com").click()
    expect(page.get_by_text("550 5.1.1 user unknown").first).to_be_visible()


@SCHEMES
def test_returned_mail_is_readable_in_light_and_dark(signed_in: Open, email: Email, color_scheme: str) -> None:
    page = signed_in(path="settings/returned/", color_scheme=color_scheme)
    check(page)
    page.get_by_role("link", name="Bounce").last.click()
    check(page)

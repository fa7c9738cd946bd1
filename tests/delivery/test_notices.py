"""Who refuses an account's mail as such is told to its people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from delivery import notices
from delivery.models import Notice
from tests import make

pytestmark = pytest.mark.django_db


def notice(account: Account, domain: str = "example.com", hours: int = 1, emails: int = 3) -> Notice:
    at = (timezone.now() - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    return Notice.objects.create(
        account=account, domain=domain, starts_at=at, emails=emails, email_id=7, code="5.7.1", reply="550 5.7.1 Spam"
    )


@pytest.fixture
def account(client: Client) -> Account:
    account = make.account()
    client.force_login(make.member(account))
    return account


def test_the_feed_tells_of_the_last_day(client: Client, account: Account) -> None:
    notice(account)
    notice(account, "example.org", emails=2)
    page = client.get(f"/a/{account.slug}/").content.decode()
    assert "In the last day 5 emails were refused as a matter of sender or content" in page
    assert "by example.com, example.org." in page
    assert f"/a/{account.slug}/emails/7/" in page


def test_the_page_of_sending_lists_them_with_the_last_answer(client: Client, account: Account) -> None:
    notice(account, hours=30)
    assert "refused as a matter of" not in client.get(f"/a/{account.slug}/").content.decode()
    page = client.get(f"/a/{account.slug}/settings/sending/").content.decode()
    assert "Who refuses this account" in page
    assert "550 5.7.1 Spam" in page


def test_others_see_nothing_of_it(client: Client, account: Account) -> None:
    notice(make.account())
    assert "refused as a matter of" not in client.get(f"/a/{account.slug}/").content.decode()
    assert "550 5.7.1 Spam" not in client.get(f"/a/{account.slug}/settings/sending/").content.decode()


def test_old_ones_are_forgotten(account: Account) -> None:
    notice(account, hours=24 * 8)
    kept = notice(account)
    notices.forget(timezone.now())
    assert list(Notice.objects.all()) == [kept]

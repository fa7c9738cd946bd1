"""Would this be sent? Every rule that would stop mail, and none that would not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Role
from suppression.models import Reason
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.sender_domain(account)
    return account


@pytest.fixture
def viewer(acme: Account, client: Client) -> Client:
    client.force_login(make.member(acme, "vic", Role.VIEWER))
    return client


def answer(client: Client, account: Account, address: str, **params: str) -> Any:
    return client.get(f"/a/{account.slug}/suppressions/test/", {"address": address} | params)


def told(response: Any) -> list[str]:
    return [one.sentence for one in response.context["found"].obstacles]


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_nothing_in_the_way_means_yes(acme: Account, viewer: Client) -> None:
    page = answer(viewer, acme, "bob@example.com")
    assert "Yes, it would be sent" in text(page)
    assert told(page) == []


def test_what_is_no_address_is_said_to_be_none(acme: Account, viewer: Client) -> None:
    page = answer(viewer, acme, "bob@")
    assert "No, it would not be sent" in text(page)
    assert told(page) == ["This is no address that mail can be sent to."]


def test_every_entry_that_covers_it_is_told_with_a_link(acme: Account, viewer: Client) -> None:
    own = make.suppression(acme, reason=Reason.SPAM)
    make.suppression(acme, "example.com")
    make.suppression(acme, "b*@example.com")
    make.suppression(None)
    make.suppression(make.account("Other"), reason=Reason.HARD_BOUNCE)
    page = answer(viewer, acme, "Bob@Example.com")
    assert set(told(page)) == {
        "It is on the suppression list: Reported as spam.",
        "Its domain is on the suppression list as *@example.com: Manual.",
        "The pattern b*@example.com is on the suppression list: Manual.",
        "It is on the list that holds for the whole installation.",
    }
    assert f'href="/a/{acme.slug}/suppressions/{own.id}/"' in text(page)
    assert "/installation/" not in text(page)


def test_a_disabled_account_and_one_without_credits_hold_it(acme: Account, viewer: Client) -> None:
    Account.objects.filter(pk=acme.pk).update(enabled=False, is_metered=True, credits=0)
    page = answer(viewer, acme, "bob@example.com")
    assert told(page) == ["The account is disabled.", "The account has no credits left."]
    assert "Later: it would be taken in and held" in text(page)


def test_an_account_without_a_domain_sends_nothing(viewer: Client, acme: Account) -> None:
    bare = make.account("Bare")
    client = Client()
    client.force_login(make.member(bare))
    page = answer(client, bare, "bob@example.com")
    assert told(page) == ["The account has no domain to send from."]
    assert f'href="/a/{bare.slug}/settings/domains/add/"' in text(page)


def test_a_domain_that_is_not_proven_is_doubted_where_it_is_chosen(acme: Account, viewer: Client) -> None:
    page = answer(viewer, acme, "bob@example.com", sender="acme.test")
    assert told(page) == ["The domain acme.test is not proven yet."]
    assert "Yes, it would be sent" in text(page)
    assert told(answer(viewer, acme, "bob@example.com", sender="others.test")) == []

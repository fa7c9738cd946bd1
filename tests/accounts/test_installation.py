from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, CreditEntry, Role, User
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def root(acme: Account) -> Client:
    """Somebody who runs the installation, and is a member of nothing."""
    return signed_in(User.objects.create_superuser("root"))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def url(account: Account, name: str = "installation-account") -> str:
    return reverse(name, args=[account.slug])


def test_an_account_is_disabled_with_a_reason_its_members_read_on_every_page(acme: Account, root: Client) -> None:
    viewer = signed_in(make.member(acme, role=Role.VIEWER))
    refused = root.post(url(acme), {"disabled_reason": ""})
    assert refused.status_code == 422
    assert "its members will read it" in refused.content.decode()
    assert root.post(url(acme), {"disabled_reason": "Unpaid since May"}).status_code == 302
    for page in ("feed", "overview", "sources"):
        shown = viewer.get(url(acme, page)).content.decode()
        assert "This account is disabled: Unpaid since May" in shown
        assert "?q=is%3Aheld" in shown
    assert root.post(url(acme), {"enabled": "on", "disabled_reason": "Unpaid since May"}).status_code == 302
    acme.refresh_from_db()
    assert (acme.enabled, acme.disabled_reason) == (True, "")
    assert "is disabled" not in viewer.get(url(acme, "feed")).content.decode()
    actions = AuditEntry.objects.order_by("id").values_list("action", "actor_name")
    assert list(actions) == [("account.disabled", "root"), ("account.enabled", "root")]


def test_members_of_a_limited_account_without_credits_read_what_to_do(acme: Account, root: Client) -> None:
    member = signed_in(make.member(acme))
    assert root.post(url(acme), {"enabled": "on", "is_metered": "on"}).status_code == 302
    assert "has no credits left" in member.get(url(acme, "feed")).content.decode()
    assert root.post(url(acme, "installation-credits"), {"amount": "250", "note": "Invoice 7"}).status_code == 302
    assert "has no credits left" not in member.get(url(acme, "feed")).content.decode()
    page = root.get(url(acme)).content.decode()
    assert "Invoice 7" in page
    assert "+250" in page


def test_a_button_that_is_pressed_twice_gives_credits_once(acme: Account, root: Client) -> None:
    found = re.search(r'name="once" value="([0-9a-f-]{36})"', root.get(url(acme)).content.decode())
    assert found
    told = {"amount": "250", "note": "Invoice 7", "once": found[1]}
    for _press in range(2):
        answer = root.post(url(acme, "installation-credits"), told, follow=True)
        assert "The account has 250 credits now." in answer.content.decode()
    assert CreditEntry.objects.count() == AuditEntry.objects.count() == 1
    # What is changed in the same form is another wish, as is a form that was fetched anew.
    again = root.get(url(acme)).content.decode()
    assert found[1] not in again
    root.post(url(acme, "installation-credits"), told | {"amount": "10"})
    acme.refresh_from_db()
    assert acme.credits == 260


def test_credits_given_and_taken_away_are_kept_with_who_did_it(acme: Account, root: Client) -> None:
    for amount in ("100", "-30"):
        assert root.post(url(acme, "installation-credits"), {"amount": amount}).status_code == 302
    kept = CreditEntry.objects.order_by("id").values_list("amount", "balance", "by_name")
    assert list(kept) == [(100, 100, "root"), (-30, 70, "root")]
    log = signed_in(make.member(acme, role=Role.ADMIN)).get(url(acme, "audit")).content.decode()
    assert "added 100 credits" in log
    assert "took away 30 credits" in log


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("-1", "fewer credits than that"),
        ("0", "not zero"),
        ("many", "whole number"),
        ("99999999999999999999", "less than or equal"),
    ],
)
def test_credits_that_cannot_be_are_refused_beside_the_field(
    acme: Account, root: Client, amount: str, said: str
) -> None:
    answer = root.post(url(acme, "installation-credits"), {"amount": amount})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    acme.refresh_from_db()
    assert acme.credits == 0


def test_all_accounts_are_listed_a_page_at_a_time_and_found_by_name(acme: Account, root: Client) -> None:
    for n in range(60):
        make.account(f"Shop{n:02}")
    listing = reverse("installation-accounts")
    first = root.get(listing).content.decode()
    assert "Acme" in first
    assert "Shop59" not in first
    slug = Account.objects.order_by("slug")[49].slug
    rest = root.get(listing, {"after": slug}).content.decode()
    assert "Shop59" in rest
    assert "Acme" not in rest
    found = root.get(listing, {"q": "shop4"}).content.decode()
    assert "Shop41" in found
    assert "Shop50" not in found


@pytest.mark.parametrize("asked", ["q", "after"])
def test_what_no_database_can_be_asked_is_no_crash(acme: Account, root: Client, asked: str) -> None:
    assert acme.name in root.get(reverse("installation-accounts"), {asked: "\0"}).content.decode()

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Membership, Role, User
from tests import make

pytestmark = pytest.mark.django_db

GIVEN = {"name": "Acme Mail", "time_zone": "America/Sao_Paulo", "retention_days": "30", "content_days": "0"}


@pytest.fixture
def acme() -> Account:
    return make.account(credits=500, is_metered=True)


@pytest.fixture
def admin(acme: Account) -> Client:
    return signed_in(make.member(acme, role=Role.ADMIN))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def superuser(account: Account) -> Client:
    person = make.member(account)
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    return signed_in(person)


def settings_url(account: Account) -> str:
    return reverse("account-settings", args=[account.slug])


def test_an_administrator_changes_name_zone_and_how_long_things_are_kept(acme: Account, admin: Client) -> None:
    assert admin.post(settings_url(acme), GIVEN).status_code == 302
    acme.refresh_from_db()
    assert (acme.name, acme.time_zone) == ("Acme Mail", "America/Sao_Paulo")
    assert (acme.retention_days, acme.content_days) == (30, 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time_zone": "Mars/Base"}, "is not a time zone"),
        ({"retention_days": "0"}, "greater than or equal to 1"),
        ({"retention_days": "99999"}, "less than or equal to 3650"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(acme: Account, admin: Client, wrong: dict[str, str], said: str) -> None:
    response = admin.post(settings_url(acme), GIVEN | wrong)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert Account.objects.get(pk=acme.pk).name == "Acme"


def test_an_administrator_reads_credits_and_cannot_change_them(acme: Account, admin: Client) -> None:
    assert "500" in admin.get(settings_url(acme)).content.decode()
    admin.post(settings_url(acme), GIVEN | {"credits": "9999", "enabled": ""})
    assert admin.post(reverse("installation-account", args=[acme.slug]), {"enabled": ""}).status_code == 403
    assert admin.post(reverse("installation-credits", args=[acme.slug]), {"amount": "9"}).status_code == 403
    acme.refresh_from_db()
    assert (acme.credits, acme.enabled) == (500, True)


def test_who_runs_the_installation_opens_an_account_and_owns_it(acme: Account) -> None:
    client = superuser(acme)
    assert client.get(reverse("account-add")).status_code == 200
    response = client.post(reverse("account-add"), {"name": "Second", "time_zone": "Asia/Kolkata"})
    assert response.status_code == 302
    second = Account.objects.get(slug="second")
    assert second.time_zone == "Asia/Kolkata"
    assert Membership.objects.get(account=second).role == Role.OWNER


def test_others_open_no_accounts(acme: Account, admin: Client) -> None:
    assert admin.get(reverse("account-add")).status_code == 403
    assert admin.post(reverse("account-add"), {"name": "Second", "time_zone": "UTC"}).status_code == 403
    assert Account.objects.count() == 1


def test_every_time_zone_of_the_list_is_one_the_account_takes(acme: Account, admin: Client) -> None:
    page = admin.get(settings_url(acme)).content.decode()
    assert '<optgroup label="America">' in page
    assert '<option value="UTC" selected>' in page

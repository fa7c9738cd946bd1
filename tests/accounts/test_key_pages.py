from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts import keys
from accounts.keys import Locked, Scope
from accounts.models import Account, ApiKey, Role
from tests import make

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "rita", Role.ADMIN))
    return client


def add(client: Client, account: Account, **given: Any) -> str:
    page = client.post(reverse("key-add", args=[account.slug]), {"name": "shop", "scopes": ["send"]} | given)
    return page.content.decode()


def key_in(page: str) -> str:
    found = re.search(r'id="new-key">(lf_\w{40})<', page)
    assert found, page
    return found[1]


def test_a_key_is_shown_once_with_examples_that_use_it(acme: Account, admin: Client) -> None:
    answer = admin.post(reverse("key-add", args=[acme.slug]), {"name": "shop", "scopes": ["send", "read"]})
    page = answer.content.decode()
    raw = key_in(page)
    assert "no-store" in answer["Cache-Control"]
    assert f"api_key: {raw}" in page
    assert "/v5/mail/send" in page
    assert "Send over SMTP" in page
    assert f"<code>{settings.SMTP_HOSTNAME}</code>" in page
    assert keys.unlock(raw, Scope.READ, "", NOW).account == acme
    listed = admin.get(reverse("keys", args=[acme.slug])).content.decode()
    assert raw[:8] in listed
    assert raw not in listed
    assert "rita" in listed


def test_a_key_that_may_not_send_comes_without_examples_of_sending(acme: Account, admin: Client) -> None:
    assert "/v5/mail/send" not in add(admin, acme, scopes=["read"])


def test_networks_and_the_last_day_are_kept(acme: Account, admin: Client) -> None:
    with time_machine.travel(NOW, tick=False):
        raw = key_in(add(admin, acme, networks="192.0.2.7\n2001:db8::1/32", expires_on="2026-03-10"))
    key = ApiKey.objects.get()
    assert key.networks == ["192.0.2.7/32", "2001:db8::/32"]
    assert key.expires_at == datetime(2026, 3, 11, 3, 0, tzinfo=UTC)  # midnight in São Paulo
    keys.unlock(raw, Scope.SEND, "2001:db8::5", datetime(2026, 3, 11, 2, 59, tzinfo=UTC))
    with pytest.raises(Locked):
        keys.unlock(raw, Scope.SEND, "192.0.2.7", datetime(2026, 3, 11, 3, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"networks": "the office"}, "“the” is not a network"),
        ({"expires_on": "2026-03-09"}, "This day is over"),
        ({"expires_on": "9999-12-31"}, "too far away"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_made(
    acme: Account, admin: Client, wrong: dict[str, Any], said: str
) -> None:
    with time_machine.travel(NOW, tick=False):
        assert said in add(admin, acme, **wrong)
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_after_a_question_and_at_once(acme: Account, admin: Client) -> None:
    raw = key_in(add(admin, acme))
    url = reverse("key-revoke", args=[acme.slug, ApiKey.objects.get().pk])
    assert "Revoke “shop”?" in admin.get(url).content.decode()
    keys.unlock(raw, Scope.SEND, "", NOW)
    assert "opens nothing any more" in admin.post(url, follow=True).content.decode()
    with pytest.raises(Locked):
        keys.unlock(raw, Scope.SEND, "", NOW)
    assert "was revoked already" in admin.post(url, follow=True).content.decode()


def test_the_key_of_another_account_is_not_found(acme: Account, admin: Client) -> None:
    add(admin, acme)
    other = make.account("Other")
    client = Client()
    client.force_login(make.member(other))
    url = reverse("key-revoke", args=[other.slug, ApiKey.objects.get().pk])
    assert client.post(url).status_code == 404
    assert ApiKey.objects.get().revoked_at is None

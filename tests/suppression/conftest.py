"""An account with those who are at its list."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Account, Role, User
from tests import make


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def agent(acme: Account, client: Client) -> Client:
    """A member who may put single addresses on the list."""
    client.force_login(make.member(acme, "ana", Role.MEMBER))
    return client


@pytest.fixture
def admin(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "olga", Role.ADMIN))
    return client


@pytest.fixture
def root(acme: Account) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client

"""Somebody who looks at the account that is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.test import Client

from accounts.access import enter
from accounts.models import Membership, User

if TYPE_CHECKING:
    from accounts.access import Access
    from accounts.models import Account


def looks_at(account: Account) -> tuple[Access, str]:
    """A member's access to the account, and the cookie of their session, as a browser sends it."""
    user, _new = User.objects.get_or_create(username="bench")
    Membership.objects.get_or_create(account=account, user=user)
    browser = Client()
    browser.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return enter(user, account.slug), f"{name}={browser.cookies[name].value}"

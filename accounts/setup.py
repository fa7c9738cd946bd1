"""The first administrator, and new accounts."""

from __future__ import annotations

import secrets

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from accounts import audit
from accounts.models import Account, Membership, Role, User

# No letters that are mistaken for each other: the password is read off a terminal.
PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_password() -> str:
    """A password of about 99 bits, in groups a person can copy."""
    letters = "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(20))
    return "-".join(letters[i : i + 5] for i in range(0, 20, 5))


def free_slug(name: str) -> str:
    """A slug made from `name` that no account has yet."""
    base = slugify(name)[:40] or "account"
    slug, n = base, 1
    while Account.objects.filter(slug=slug).exists():
        n += 1
        slug = f"{base}-{n}"
    return slug


@transaction.atomic
def open_account(name: str, owner: User, *, time_zone: str = "UTC") -> Account:
    """Make an account with `owner` as its first member."""
    account = _make(name, time_zone)
    Membership.objects.create(account=account, user=owner, role=Role.OWNER)
    audit.note(account, owner, "account.opened", name)
    return account


def _make(name: str, time_zone: str) -> Account:
    """The account itself, where others may be making one of the same name."""
    while True:
        slug = free_slug(name)
        try:
            with transaction.atomic():
                return Account.objects.create(name=name, slug=slug, time_zone=time_zone)
        except IntegrityError:
            if not Account.objects.filter(slug=slug).exists():
                raise


@transaction.atomic
def first_run() -> tuple[str, str] | None:
    """On an installation without people: make the administrator and a first account.

    Returns their name and generated password, to be shown once; None where somebody exists already.
    """
    if User.objects.exists():
        return None
    password = new_password()
    admin = User.objects.create_superuser("admin", password=password)
    open_account("My emails", admin)
    return admin.username, password

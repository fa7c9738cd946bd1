"""Builders of what tests need, with sensible values for all that a test does not name."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network
from typing import Any

from accounts.models import Account, Membership, Role, User
from delivery import signing
from delivery.models import SenderDomain
from delivery.orders import Group, Mailbox, Order
from feeds.events import Arrival, Event, Kind
from suppression import causes, targets
from suppression.models import Origin, Reason, Suppression
from webhooks.models import Source

_numbers = itertools.count(1)
LOOPBACK = [ip_network("127.0.0.0/8")]
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def account(name: str = "Acme", **fields: Any) -> Account:
    """An account without members."""
    n = next(_numbers)
    return Account.objects.create(name=name, slug=f"{name.lower()}-{n}", **fields)


def member(account: Account, name: str = "", role: Role = Role.OWNER, password: str = "correct-horse") -> User:
    """A person in the account."""
    user = User.objects.create_user(name or f"person{next(_numbers)}", password=password)
    Membership.objects.create(account=account, user=user, role=role)
    return user


def source(account: Account, provider: str = "plain", **fields: Any) -> Source:
    """A source of the account, without secrets."""
    return Source.objects.create(account=account, provider=provider, name=f"{provider} source", **fields)


def event(kind: Kind = Kind.DELIVERED, recipient: str = "bob@example.com", **fields: Any) -> Event:
    """An event at noon, about message m1."""
    told: dict[str, Any] = {"message_id": "m1", "occurred_at": NOON, "name": kind.name.lower()} | fields
    return Event(kind=kind, recipient=recipient, **told)


def arrival(source: Source, *events: Event, received_at: datetime = NOON, **fields: Any) -> Arrival:
    """These events as they come from the source."""
    return Arrival(source.account_id, source.id, received_at, list(events), **fields)


def sender_domain(account: Account, name: str = "acme.test", **fields: Any) -> SenderDomain:
    """A domain the account may send from, without a key that could sign."""
    told = {"selector": "lf", "private_key": "", "public_key": "", "proven_at": NOON} | fields
    return SenderDomain.objects.create(account=account, name=name, **told)


def signing_domain(account: Account, name: str = "acme.test") -> SenderDomain:
    """The same with a key: made once, because that takes long."""
    key = _key()
    told = {"private_key": key.private, "public_key": key.public}
    domain, _new = SenderDomain.objects.update_or_create(
        account=account, name=name, defaults=told, create_defaults=told | {"selector": "lf", "proven_at": NOON}
    )
    return domain


@cache
def _key() -> signing.KeyPair:
    return signing.make_key()


def order(*to: str, **fields: Any) -> Order:
    """A message from news@acme.test, to each of these in an email of their own."""
    told: dict[str, Any] = {
        "sender": Mailbox("news@acme.test", "Acme"),
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "groups": [Group([Mailbox(address)]) for address in to or ("bob@example.com",)],
    }
    return Order(**told | fields)


def suppression(account: Account | None, target: str = "bob@example.com", **fields: Any) -> Suppression:
    """An entry of the list, put there by a person at noon for no reason but their own, or as the fields of a cause
    say. Without an account it is on the installation's list."""
    told: dict[str, Any] = {"reason": Reason.MANUAL, "origin": Origin.PERSON, "at": NOON, "ident": "u0"} | fields
    read, account_id = targets.read(target), account.id if account else None
    causes.add([causes.Cause(account_id=account_id, target=read, **told)])
    return Suppression.objects.get(account=account, target=read.text, reason=told["reason"])

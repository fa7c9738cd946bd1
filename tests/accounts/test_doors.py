"""Every page behind an account's address, asked for by everybody who might try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from accounts.access import enter
from accounts.keys import make_key
from accounts.models import Account, ApiKey, Membership, Role, Scope, User
from delivery.models import RetryPolicy, SenderDomain, Transport
from suppression import removing
from suppression.models import How, Removed, Suppression
from suppression.spike import Spike
from suppression.undo import Undo
from tests import make
from tests.names import names
from webhooks.models import Source

pytestmark = pytest.mark.django_db


class Door(NamedTuple):
    """A page, the lowest role it lets in, and what else its address names."""

    name: str
    role: Role
    keys: tuple[str, ...] = ()
    post: bool = False


DOORS = [
    Door("sources", Role.VIEWER),
    Door("source-add", Role.ADMIN),
    Door("source-add-provider", Role.ADMIN, ("provider",)),
    Door("source", Role.VIEWER, ("source",)),
    Door("source-edit", Role.ADMIN, ("source",)),
    Door("source-address", Role.ADMIN, ("source",)),
    Door("source-delete", Role.ADMIN, ("source",)),
    Door("source-test", Role.ADMIN, ("source",), post=True),
    Door("source-read-again", Role.ADMIN, ("source",), post=True),
    Door("source-request", Role.VIEWER, ("source", "request")),
    Door("source-request-read-again", Role.ADMIN, ("source", "request"), post=True),
    Door("account-settings", Role.ADMIN),
    Door("members", Role.ADMIN),
    Door("member-add", Role.ADMIN, post=True),
    Door("member-create", Role.ADMIN, post=True),
    Door("member-role", Role.ADMIN, ("member",), post=True),
    Door("member-remove", Role.ADMIN, ("member",), post=True),
    Door("keys", Role.ADMIN),
    Door("key-add", Role.ADMIN),
    Door("key-revoke", Role.ADMIN, ("key",)),
    Door("audit", Role.ADMIN),
    Door("returned", Role.VIEWER),
    Door("returned-mail", Role.VIEWER, ("request",)),
    Door("domains", Role.ADMIN),
    Door("domain-add", Role.ADMIN),
    Door("domain", Role.ADMIN, ("domain",)),
    Door("domain-check", Role.ADMIN, ("domain",), post=True),
    Door("domain-edit", Role.ADMIN, ("domain",)),
    Door("domain-delete", Role.ADMIN, ("domain",)),
    Door("transports", Role.ADMIN),
    Door("transport-choose", Role.ADMIN),
    Door("transport-add", Role.ADMIN, ("way",)),
    Door("transport-edit", Role.ADMIN, ("transport",)),
    Door("transport-default", Role.ADMIN, ("transport",), post=True),
    Door("transport-delete", Role.ADMIN, ("transport",)),
    Door("transport-test", Role.ADMIN, ("transport",)),
    Door("sending-test", Role.ADMIN),
    Door("sending-retry-add", Role.ADMIN),
    Door("sending-retry", Role.ADMIN, ("policy",)),
    Door("sending-retry-delete", Role.ADMIN, ("policy",), post=True),
    Door("suppressions", Role.VIEWER),
    Door("suppression-export", Role.VIEWER),
    Door("suppression-add", Role.MEMBER),
    Door("suppression-remove", Role.MEMBER, post=True),
    Door("suppression-test", Role.VIEWER),
    Door("suppression-history", Role.VIEWER),
    Door("suppression-put-back", Role.MEMBER, ("removed",), post=True),
    Door("suppression", Role.VIEWER, ("entry",)),
    Door("suppression-change", Role.MEMBER, ("entry",)),
    Door("suppression-undo", Role.ADMIN),
    Door("suppression-undo-one", Role.ADMIN, ("undo",)),
    Door("suppression-undo-stop", Role.ADMIN, ("undo",), post=True),
    Door("suppression-undo-back", Role.ADMIN, ("undo",), post=True),
    Door("suppression-warnings", Role.VIEWER),
    Door("suppression-warning-dismiss", Role.ADMIN, ("spike",), post=True),
]
# How the names of the pages begin that are meant.
BELONG = (
    "source", "member", "account-", "key", "audit", "domain", "transport", "sending", "returned", "suppression",
)  # fmt: skip
each_door = pytest.mark.parametrize("door", DOORS, ids=[door.name for door in DOORS])


@pytest.fixture
def acme() -> Account:
    account = make.account()
    make.member(account, "olga")
    make.member(account, "vic", Role.VIEWER)
    make_key(enter(User.objects.get(username="olga"), account.slug), "shop", [Scope.SEND])
    make.sender_domain(account)
    Transport.objects.create(account=account, name="House", kind="relay", host="relay.test")
    RetryPolicy.objects.create(account=account, minutes=[5])
    removal = removing.begin(account.pk, How.UNDO)
    gone = make.suppression(account, "gone@example.com")
    removing.take_off(removing.begin(account.pk, How.PERSON), [gone.pk])
    make.suppression(account)
    Undo.objects.create(account=account, created_at=make.NOON, last_cause=0, removal=removal)
    Spike.objects.create(account=account, reason=1, starts_at=make.NOON, n=99, usual=4, limit=50)
    return account


@pytest.fixture(autouse=True)
def no_names() -> Iterator[None]:
    """DNS without any."""
    with names({}):
        yield


def address(door: Door, account: Account, source: Source | None = None) -> str:
    things = {
        "provider": "plain",
        "way": "relay",
        "domain": SenderDomain.objects.get(account=account).pk,
        "transport": Transport.objects.get(account=account).pk,
        "policy": RetryPolicy.objects.get(account=account).pk,
        "spike": Spike.objects.get(account=account).pk,
        "undo": Undo.objects.get(account=account).pk,
        "source": source.pk if source else 1,
        "request": 1,
        "entry": Suppression.objects.get(account=account).pk,
        "removed": Removed.objects.get(account=account).pk,
        "key": ApiKey.objects.get(account=account).pk,
        "member": Membership.objects.get(account=account, user__username="vic").pk,
    }
    return reverse(door.name, args=[account.slug, *(things[key] for key in door.keys)])


def status(door: Door, url: str, person: User | None) -> int:
    client = Client()
    if person:
        client.force_login(person)
    return (client.post(url) if door.post else client.get(url)).status_code


@each_door
@pytest.mark.parametrize("role", Role)
def test_a_role_too_low_is_refused_and_one_high_enough_is_not(acme: Account, door: Door, role: Role) -> None:
    url = address(door, acme, make.source(acme))
    answered = status(door, url, make.member(acme, role=role))
    assert (answered == 403) is (role < door.role)
    if "request" not in door.keys:
        assert answered != 404


@each_door
def test_a_stranger_finds_nothing(acme: Account, door: Door) -> None:
    stranger = make.member(make.account("Other"), role=Role.OWNER)
    assert status(door, address(door, acme, make.source(acme)), stranger) == 404


@each_door
def test_who_is_not_signed_in_is_asked_to(acme: Account, door: Door) -> None:
    assert status(door, address(door, acme), None) == 302


@pytest.mark.parametrize("door", [door for door in DOORS if "source" in door.keys], ids=lambda door: door.name)
def test_a_source_of_another_account_is_not_reached_through_ones_own(acme: Account, door: Door) -> None:
    theirs = make.source(make.account("Other"))
    assert status(door, address(door, acme, theirs), User.objects.get(username="olga")) == 404


@pytest.mark.parametrize("door", [door for door in DOORS if door.post], ids=lambda door: door.name)
def test_a_change_is_never_made_by_looking(acme: Account, door: Door) -> None:
    client = Client()
    client.force_login(User.objects.get(username="olga"))
    assert client.get(address(door, acme, make.source(acme))).status_code == 405


def test_a_refusal_says_why_in_a_sentence(acme: Account) -> None:
    client = Client()
    client.force_login(make.member(acme, role=Role.VIEWER))
    page = client.get(reverse("source-add", args=[acme.slug]))
    assert page.status_code == 403
    assert "Your role in “Acme” does not allow this." in page.content.decode()


def test_no_page_of_settings_was_left_out() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    ours = {name for name in names if name.startswith(BELONG) and name != "account-add"}
    assert ours == {door.name for door in DOORS}


INSTALLATION = [("installation-accounts", False), ("installation-account", True), ("installation-credits", True)]


@pytest.mark.parametrize(("name", "has_slug"), INSTALLATION, ids=[name for name, _slug in INSTALLATION])
def test_the_installations_pages_are_for_those_who_run_it(acme: Account, name: str, has_slug: bool) -> None:
    url = reverse(name, args=[acme.slug] if has_slug else [])
    door = Door(name, Role.OWNER, post=name == "installation-credits")
    assert status(door, url, None) == 302
    assert status(door, url, User.objects.get(username="olga")) == 403
    User.objects.filter(username="vic").update(is_superuser=True)
    assert status(door, url, User.objects.get(username="vic")) == (422 if door.post else 200)

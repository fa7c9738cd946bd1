"""Every address behind which there is something of an account's, asked for by everybody who might try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.keys import Scope
from accounts.models import Account, ApiKey, Membership, Role, User
from delivery.errand import Errand
from delivery.models import Message, Outgoing, RetryPolicy, SenderDomain, Transport
from delivery.v5 import door as v5
from feeds.exports.models import Export, SavedView
from suppression.imports.models import Import
from suppression.models import Removed, Suppression
from suppression.spike import Spike
from suppression.undo import Undo
from tests import make
from tests.accounts.doors import DOORS, ELSEWHERE, WORDS, Door, furnished, owner_of, routes
from tests.delivery.v5 import asking
from tests.names import names
from webhooks.models import Source

pytestmark = pytest.mark.django_db
each_door = pytest.mark.parametrize("door", DOORS, ids=[door.name for door in DOORS])


@pytest.fixture(autouse=True)
def no_names() -> Iterator[None]:
    """DNS without any."""
    with names({}):
        yield


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Any) -> None:
    settings.LIVEFEEDS_HOME = tmp_path


def status(door: Door, url: str, person: User | None) -> int:
    client = Client()
    if person:
        client.force_login(person)
    return (client.post(url) if door.post else client.get(url)).status_code


@each_door
def test_a_role_too_low_is_refused_and_one_high_enough_is_not(door: Door) -> None:
    acme, things = furnished("Acme")
    for role in sorted(Role):
        answered = status(door, door.address(acme, things), make.member(acme, role=role))
        assert (answered == 403) is (role < door.role)
        # What the one before deleted is not there for the next.
        if role <= door.role:
            assert answered != 404 or door.is_bare


@each_door
def test_a_stranger_and_who_is_not_signed_in_find_nothing(door: Door) -> None:
    acme, things = furnished("Acme")
    stranger = make.member(make.account("Other"), role=Role.OWNER)
    assert status(door, door.address(acme, things), stranger) == 404
    assert status(door, door.address(acme, things), None) == 302


# What could be changed of an account from outside where an address was believed.
KEPT = (
    ApiKey, Errand, Export, Import, Membership, Outgoing, RetryPolicy, Removed, SavedView, SenderDomain, Source, Spike,
    Suppression, Transport, Undo,
)  # fmt: skip


def rows(account: Account) -> list[Any]:
    return [list(model._default_manager.filter(account=account).order_by("pk").values()) for model in KEPT]


NAMING = [door for door in DOORS if {*door.names} - {*WORDS}]


@pytest.mark.parametrize("door", NAMING, ids=[door.name for door in NAMING])
def test_nothing_of_another_account_is_reached_through_ones_own(door: Door) -> None:
    acme, theirs = furnished("Acme")
    other, _ours = furnished("Other")
    before = rows(acme)
    # Some buttons lead back to a page where the thing is no more, whoever's it was.
    assert status(door, door.address(other, theirs), owner_of(other)) in ((404, 302) if door.post else (404,))
    assert rows(acme) == before


@pytest.mark.parametrize("door", [door for door in DOORS if door.post], ids=lambda door: door.name)
def test_a_change_is_never_made_by_looking(door: Door) -> None:
    acme, things = furnished("Acme")
    client = Client()
    client.force_login(owner_of(acme))
    assert client.get(door.address(acme, things)).status_code == 405


def test_a_refusal_says_why_in_a_sentence() -> None:
    acme = make.account()
    client = Client()
    client.force_login(make.member(acme, role=Role.VIEWER))
    page = client.get(reverse("source-add", args=[acme.slug]))
    assert page.status_code == 403
    assert "Your role in “Acme” does not allow this." in page.content.decode()


# ---- The API ----------------------------------------------------------------------------------------------


def sends(key: str, path: str, theirs: Account) -> None:
    """Nobody sends as somebody of another account's domain."""
    answer = asking.post(key, asking.request() | {"from": {"email": "news@acme.test"}}, path=path)
    assert (answer.status_code, asking.fields(answer)) == (400, ["from.email"])
    assert not Message.objects.exists()


def keeps_the_list(key: str, path: str, theirs: Account) -> None:
    """Nobody reads or changes another account's list."""
    client, there = Client(headers={"api-key": key}), Suppression.objects.filter(account=theirs)
    assert b"bob@example.com" not in client.get(path).content
    assert asking.post(key, {"email": "new@example.com"}, path=path).status_code == 200
    deleted: Any = client.delete(path, '{"email": "bob@example.com"}', content_type="application/json")
    assert asking.told(deleted)["data"]["removed"] == 0
    assert list(there.values_list("target", flat=True)) == ["bob@example.com"]


API: dict[str, Callable[[str, str, Account], None]] = {"v5-send": sends, "v5-suppression": keeps_the_list}
PATHS = [(name, f"/{route}") for name, route in routes() if name in API]


@pytest.mark.parametrize(("name", "path"), PATHS, ids=[path for _name, path in PATHS])
def test_a_key_opens_its_own_account_alone(name: str, path: str) -> None:
    v5.database.answered()
    acme, _things = furnished("Acme")
    other = make.account("Other")
    make.sender_domain(other, "other.test")
    API[name](asking.key(other, *Scope), path, acme)


# ---- The installation -------------------------------------------------------------------------------------

# What is not the installation's list: with the words its address names, and what a bare POST is answered.
INSTALLATION = {
    "installation-accounts": (), "installation-account": ("slug",), "installation-credits": ("slug",),
    "installation-domains": ("slug",), "installation-domain-vouch": ("slug", "domain_id"),
}  # fmt: skip
POSTED = {"installation-credits": 422, "installation-domain-vouch": 302}
OF_THE_LIST = {name for name, route in routes() if route.startswith("installation/suppressions/")}


@pytest.mark.parametrize("name", INSTALLATION)
def test_the_installations_pages_are_for_those_who_run_it(name: str) -> None:
    acme, things = furnished("Acme")
    url = reverse(name, args=[(things | {"slug": acme.slug})[word] for word in INSTALLATION[name]])
    door = Door(name, post=name in POSTED)
    assert status(door, url, None) == 302
    assert status(door, url, owner_of(acme)) == 403
    User.objects.filter(pk=owner_of(acme).pk).update(is_superuser=True)
    assert status(door, url, owner_of(acme)) == POSTED.get(name, 200)


@pytest.mark.parametrize("name", sorted(OF_THE_LIST))
def test_the_installations_list_is_for_those_who_run_it(name: str) -> None:
    acme, things = furnished("Acme")
    door = next(door for door in DOORS if f"installation-{door.name}" == name)
    url = reverse(name, args=[things[word] for word in door.names])
    assert status(door, url, None) == 302
    assert status(door, url, owner_of(acme)) == 403
    User.objects.filter(pk=owner_of(acme).pk).update(is_superuser=True)
    before = rows(acme)
    found = status(door, url, owner_of(acme))
    # What is an account's own is none of it.
    assert found in (({404, 302} if door.post else {404}) if door.names else {200, 302, 422})
    assert rows(acme) == before


def test_no_address_was_left_out() -> None:
    """Whoever adds one says here whom it lets in: a page of an account is a line in DOORS."""
    found = list(routes())
    assert {name for name, route in found if route.startswith("a/<slug:slug>/")} == {door.name for door in DOORS} | {
        "feed-stream"
    }
    known = {door.name for door in DOORS} | ELSEWHERE | {*API} | {*INSTALLATION} | OF_THE_LIST
    assert {name for name, _route in found} == known

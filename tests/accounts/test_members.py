from __future__ import annotations

import re
import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Membership, Role, User
from tests import make


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def membership(account: Account, person: User) -> Membership:
    return Membership.objects.get(account=account, user=person)


@pytest.mark.django_db
class TestMembers:
    @pytest.fixture(autouse=True)
    def people(self) -> None:
        self.acme = make.account()
        self.owner = make.member(self.acme, "olga", Role.OWNER)
        self.admin = make.member(self.acme, "adam", Role.ADMIN)
        self.viewer = make.member(self.acme, "vera", Role.VIEWER)
        self.other = make.member(make.account("Other"), "otto", Role.OWNER)

    def url(self, name: str, *args: object) -> str:
        return reverse(name, args=[self.acme.slug, *args])

    def role_of(self, person: User) -> int | None:
        return Membership.objects.filter(account=self.acme, user=person).values_list("role", flat=True).first()

    def give(self, actor: User, person: User, role: Role) -> int:
        url = self.url("member-role", membership(self.acme, person).pk)
        return signed_in(actor).post(url, {"role": role.value}).status_code

    def remove(self, actor: User, person: User) -> int:
        return signed_in(actor).post(self.url("member-remove", membership(self.acme, person).pk)).status_code

    def test_the_list_names_everybody_of_this_account_and_nobody_else(self) -> None:
        page = signed_in(self.admin).get(self.url("members")).content.decode()
        assert all(name in page for name in ("olga", "adam", "vera"))
        assert "otto" not in page

    def test_a_person_is_added_by_user_name_or_address(self) -> None:
        User.objects.filter(pk=self.other.pk).update(email="otto@example.com")
        client = signed_in(self.admin)
        given = {"add-person": "OTTO@example.com", "add-role": Role.MEMBER.value}
        assert client.post(self.url("member-add"), given).status_code == 302
        assert self.role_of(self.other) == Role.MEMBER

    def test_nobody_of_that_name_is_an_error_that_says_what_to_do(self) -> None:
        given = {"add-person": "nobody", "add-role": Role.VIEWER.value}
        response = signed_in(self.admin).post(self.url("member-add"), given)
        assert response.status_code == 422
        assert "Create the person below" in response.content.decode()

    def test_an_address_that_several_share_is_not_guessed(self) -> None:
        User.objects.filter(pk__in=[self.other.pk, self.owner.pk]).update(email="same@example.com")
        given = {"add-person": "same@example.com", "add-role": Role.VIEWER.value}
        response = signed_in(self.admin).post(self.url("member-add"), given)
        assert "Several people have this e-mail address" in response.content.decode()

    def test_a_member_is_not_added_twice(self) -> None:
        given = {"add-person": "vera", "add-role": Role.ADMIN.value}
        response = signed_in(self.admin).post(self.url("member-add"), given)
        assert "is a member already" in response.content.decode()
        assert self.role_of(self.viewer) == Role.VIEWER

    def test_a_created_person_signs_in_with_the_password_that_is_shown_once(self) -> None:
        client = signed_in(self.admin)
        given = {"new-username": "nina", "new-email": "nina@example.com", "new-role": Role.VIEWER.value}
        response = client.post(self.url("member-create"), given)
        found = re.search(r'id="new-password">([^<]+)<', response.content.decode())
        assert found
        assert "no-store" in response["Cache-Control"]
        assert Client().login(username="nina", password=found[1])
        assert found[1] not in client.get(self.url("members")).content.decode()

    @pytest.mark.parametrize("name", ["vera", "VERA", "", "a b", "x" * 151])
    def test_a_user_name_that_is_taken_or_unfit_is_refused(self, name: str) -> None:
        given = {"new-username": name, "new-role": Role.VIEWER.value}
        assert signed_in(self.admin).post(self.url("member-create"), given).status_code == 422
        assert User.objects.count() == 4

    def test_an_administrator_gives_roles_up_to_their_own(self) -> None:
        assert self.give(self.admin, self.viewer, Role.ADMIN) == 302
        assert self.role_of(self.viewer) == Role.ADMIN

    def test_an_administrator_makes_no_owners(self) -> None:
        assert self.give(self.admin, self.viewer, Role.OWNER) == 403
        assert self.role_of(self.viewer) == Role.VIEWER

    @pytest.mark.parametrize("form", ["add", "new"])
    def test_an_administrator_lets_no_owner_in(self, form: str) -> None:
        given = {"add": {"add-person": "otto"}, "new": {"new-username": "nina"}}[form] | {f"{form}-role": "40"}
        url = self.url({"add": "member-add", "new": "member-create"}[form])
        response = signed_in(self.admin).post(url, given)
        assert response.status_code == 422
        assert "higher than their own" in response.content.decode()
        assert Membership.objects.filter(account=self.acme, role=Role.OWNER).count() == 1

    def test_an_administrator_neither_demotes_nor_removes_an_owner(self) -> None:
        make.member(self.acme, "second", Role.OWNER)
        assert self.give(self.admin, self.owner, Role.VIEWER) == 403
        assert self.remove(self.admin, self.owner) == 403
        assert self.role_of(self.owner) == Role.OWNER

    def test_nobody_raises_themselves(self) -> None:
        assert self.give(self.admin, self.admin, Role.OWNER) == 403
        assert self.give(self.viewer, self.viewer, Role.ADMIN) == 403
        assert self.role_of(self.admin) == Role.ADMIN
        assert self.role_of(self.viewer) == Role.VIEWER

    def test_the_last_owner_stays(self) -> None:
        client = signed_in(self.owner)
        me = membership(self.acme, self.owner).pk
        for url, given in ((self.url("member-role", me), {"role": "30"}), (self.url("member-remove", me), {})):
            page = client.post(url, given, follow=True).content.decode()
            assert "An account needs an owner" in page
        assert self.role_of(self.owner) == Role.OWNER

    def test_an_owner_with_another_beside_them_may_go(self) -> None:
        assert self.give(self.owner, self.admin, Role.OWNER) == 302
        assert self.remove(self.owner, self.owner) == 302
        assert self.role_of(self.owner) is None
        assert self.role_of(self.admin) == Role.OWNER

    def test_the_member_of_another_account_is_out_of_reach(self) -> None:
        theirs = Membership.objects.get(user=self.other)
        page = signed_in(self.owner).post(self.url("member-remove", theirs.pk), follow=True).content.decode()
        assert "not a member any more" in page
        assert Membership.objects.filter(pk=theirs.pk).exists()

    def test_a_role_that_does_not_exist_is_an_error_on_the_page(self) -> None:
        url = self.url("member-role", membership(self.acme, self.viewer).pk)
        page = signed_in(self.owner).post(url, {"role": "77"}, follow=True).content.decode()
        assert "There is no such role" in page


@pytest.mark.django_db(transaction=True)
def test_two_owners_leaving_at_once_do_not_leave_the_account_without_one() -> None:
    acme = make.account()
    owners = [make.member(acme, name, Role.OWNER) for name in ("olga", "oscar")]
    start = threading.Barrier(2, timeout=10)

    def leave(person: User) -> None:
        client = signed_in(person)
        url = reverse("member-remove", args=[acme.slug, membership(acme, person).pk])
        start.wait()
        client.post(url)
        connection.close()

    threads = [threading.Thread(target=leave, args=[person]) for person in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert Membership.objects.filter(account=acme, role=Role.OWNER).count() == 1

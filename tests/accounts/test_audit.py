from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts import audit
from accounts.access import enter
from accounts.keys import make_key
from accounts.models import Account, ApiKey, AuditEntry, Membership, Role, Scope, User
from tests import make
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="Asia/Kolkata")


@pytest.fixture
def olga(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "olga"))
    return client


def log(client: Client, account: Account, **wanted: str) -> str:
    return client.get(reverse("audit", args=[account.slug]), wanted).content.decode()


def post(client: Client, account: Account, page: str, *args: object, **given: str) -> None:
    assert client.post(reverse(page, args=[account.slug, *args]), given).status_code in (200, 302)


def test_what_is_changed_over_the_pages_is_in_the_log(acme: Account, olga: Client) -> None:
    given = {"name": "Acme Mail", "time_zone": "UTC", "retention_days": "90", "content_days": "7"}
    post(olga, acme, "account-settings", **given)
    post(olga, acme, "member-create", **{"new-username": "nina", "new-role": str(Role.VIEWER.value)})
    nina = Membership.objects.get(account=acme, user__username="nina")
    post(olga, acme, "member-role", nina.pk, role=str(Role.MEMBER.value))
    post(olga, acme, "member-remove", nina.pk)
    post(olga, acme, "member-add", **{"add-person": "nina", "add-role": str(Role.VIEWER.value)})
    post(olga, acme, "key-add", name="shop", scopes="send")
    post(olga, acme, "key-revoke", ApiKey.objects.get().pk)
    post(olga, acme, "source-add-provider", "plain", name="Relay")
    source = Source.objects.get()
    post(olga, acme, "source-edit", source.pk, name="Relay 2", enabled="on", secret_signing_secret="")
    post(olga, acme, "source-address", source.pk)
    post(olga, acme, "source-delete", source.pk, name="Relay 2")
    page = " ".join(log(olga, acme).split())
    for told in (
        "changed the account&#x27;s settings",
        "created nina and let them in",
        "changed the role of nina",
        "<del>Viewer</del> → <ins>Member</ins>",
        "removed nina from the account",
        "let nina in",
        "made the API key “shop”",
        "revoked the API key “shop”",
        "added the source “Relay”",
        "changed the source “Relay”",
        "<del>Relay</del> → <ins>Relay 2</ins>",
        "gave the source “Relay 2” a new address",
        "deleted the source “Relay 2”",
    ):
        assert told in page
    assert "<del>Asia/Kolkata</del> → <ins>UTC</ins>" in page
    assert set(AuditEntry.objects.values_list("actor_name", flat=True)) == {"olga"}


def test_nothing_changed_is_nothing_noted(acme: Account, olga: Client) -> None:
    given = {"name": acme.name, "time_zone": acme.time_zone, "retention_days": "90", "content_days": "7"}
    post(olga, acme, "account-settings", **given)
    assert not AuditEntry.objects.exists()


def test_the_log_is_asked_by_what_and_by_whom(acme: Account, olga: Client) -> None:
    person = User.objects.get(username="olga")
    key, _raw = make_key(enter(person, acme.slug), "shop", [Scope.ALL])
    audit.note(acme, key, "account.changed")
    audit.note(acme, None, "account.enabled")
    assert "made the API key" in rows(log(olga, acme, action="key.created"))
    assert "enabled the account" not in rows(log(olga, acme, action="key.created"))
    assert "changed the account" in rows(log(olga, acme, actor=str(key)))
    assert "made the API key" not in rows(log(olga, acme, actor=str(key)))
    assert "the installation</a> enabled the account" in rows(log(olga, acme, actor="-"))
    assert "made the API key" in rows(log(olga, acme, actor="olga", action=""))


def rows(page: str) -> str:
    return page.partition('<ol class="card')[2].partition("</ol>")[0]


def test_somebody_who_is_gone_is_still_named_and_found(acme: Account, olga: Client) -> None:
    gone = make.member(acme, "gone", Role.ADMIN)
    make_key(enter(gone, acme.slug), "old", [Scope.SEND])
    gone.delete()
    assert "made the API key “old”" in rows(log(olga, acme, actor="gone"))


def test_the_log_is_paged_without_a_gap(acme: Account, olga: Client) -> None:
    for n in range(audit.PAGE * 2 + 3):
        audit.note(acme, None, "key.created", f"key {n}.")
    seen: list[str] = []
    page = log(olga, acme)
    for _page in range(5):
        seen += [line.partition("”")[0] for line in rows(page).split("“")[1:]]
        older = page.partition('href="?before=')[2].partition('"')[0]
        if not older:
            break
        page = log(olga, acme, before=older)
    assert seen == [f"key {n}." for n in reversed(range(audit.PAGE * 2 + 3))]


def test_nobody_reads_the_log_of_another_account(acme: Account, olga: Client) -> None:
    other = make.account("Other")
    audit.note(other, None, "key.created", "theirs")
    assert "theirs" not in log(olga, acme)
    assert olga.get(reverse("audit", args=[other.slug])).status_code == 404


def test_an_action_nobody_described_is_shown_as_it_is(acme: Account, olga: Client) -> None:
    audit.note(acme, None, "moon.moved", "Phobos <b>", {"where": {"before": None, "after": "Mars"}, "n": 3})
    page = rows(log(olga, acme))
    assert "moon.moved Phobos &lt;b&gt;" in page
    assert "where: <del>none</del> → <ins>Mars</ins>" in page


def test_what_no_database_can_be_asked_is_no_crash(acme: Account, olga: Client) -> None:
    assert "Nothing of this kind" in log(olga, acme, action="x\0", actor="\0")

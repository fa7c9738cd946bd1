"""Whose a sender's domain is: nobody sends from one they did not prove to be theirs."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import keys
from accounts.access import enter
from accounts.models import Account, AuditEntry, Role, Scope, User
from delivery import dns, reception
from delivery.accept import accept
from delivery.models import SenderDomain
from delivery.orders import Refused
from feeds.models import Email
from settings.runner import commands
from simulator import mailing
from tests import make
from tests.names import MISSING, SILENT, names

pytestmark = pytest.mark.django_db

KEY = base64.b64encode(b"the key").decode()


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def admin(acme: Account) -> Client:
    return signed_in(make.member(acme, role=Role.ADMIN))


@pytest.fixture
def owner() -> Client:
    """Somebody who runs the installation, and is a member of no account."""
    return signed_in(User.objects.create_superuser("root"))


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def unproven(account: Account, selector: str = "lf1") -> SenderDomain:
    return make.sender_domain(account, selector=selector, public_key=KEY, proven_at=None)


def key_in_dns(selector: str = "lf1", key: str = KEY) -> dict[tuple[str, str], Any]:
    return {(f"{selector}._domainkey.acme.test", "TXT"): [f"v=DKIM1; k=rsa; p={key}"]}


def check(admin: Client, account: Account, domain: SenderDomain) -> str:
    page = admin.post(reverse("domain-check", args=[account.slug, domain.pk]), follow=True)
    domain.refresh_from_db()
    return page.content.decode()


def vouch(client: Client, account: Account, domain: SenderDomain) -> Any:
    url = reverse("installation-domain-vouch", args=[account.slug, domain.pk])
    return client.post(url, follow=True)


def may_send(account: Account) -> bool:
    try:
        accept(make.order(), account, timezone.now())
    except Refused:
        return False
    return True


def test_mail_from_a_domain_nobody_proved_is_refused_with_the_record_to_make(acme: Account) -> None:
    unproven(acme)
    raw = keys.make_key(enter(make.member(acme), acme.slug), "shop", [Scope.SEND])[1]
    body = {
        "from": {"email": "news@acme.test"}, "subject": "Hi", "content": [{"type": "html", "value": "<p>Hi</p>"}],
        "personalizations": [{"to": [{"email": "bob@example.com"}]}],
    }  # fmt: skip
    response = Client().post("/v5/mail/send", body, content_type="application/json", headers={"api_key": raw})
    assert response.status_code == 400
    told = str(response.json())
    assert "from.email" in told
    assert "lf1._domainkey.acme.test" in told
    assert "Settings, Domains" in told
    assert not Email.objects.exists()


def test_a_domain_that_is_added_does_not_send_before_its_key_is_in_dns(acme: Account, admin: Client) -> None:
    with names({}):
        page = admin.post(reverse("domain-add", args=[acme.slug]), {"name": "acme.test"}, follow=True)
    assert "No mail is sent from it yet" in page.content.decode()
    assert not may_send(acme)


def test_the_key_in_dns_proves_it_once_and_for_all(acme: Account, admin: Client) -> None:
    domain = unproven(acme)
    with names(key_in_dns()):
        page = check(admin, acme, domain)
    assert "No mail is sent from it yet" not in page
    assert may_send(acme)
    proven_at = domain.proven_at
    assert AuditEntry.objects.get(action="domain.proven").subject == "acme.test"
    with names({("lf1._domainkey.acme.test", "TXT"): MISSING}):
        check(admin, acme, domain)
    assert domain.proven_at == proven_at
    assert may_send(acme)


@pytest.mark.parametrize("found", [{}, key_in_dns(key="b3RoZXI="), {("lf1._domainkey.acme.test", "TXT"): SILENT}])
def test_nothing_else_proves_it(acme: Account, admin: Client, found: dict[tuple[str, str], Any]) -> None:
    domain = unproven(acme)
    # An answer that is missing now counts as what it was before; that proves nothing.
    SenderDomain.objects.update(checks={"dkim": {"ok": True}})
    with names(found):
        check(admin, acme, domain)
    assert domain.proven_at is None
    assert not may_send(acme)


def test_the_daily_look_proves_it_too(acme: Account) -> None:
    unproven(acme)
    with names(key_in_dns()):
        assert dns.look_again(timezone.now() + timedelta(days=2)) == 1
    assert may_send(acme)


def test_two_accounts_may_both_have_their_keys_in_dns(acme: Account) -> None:
    other = make.account("Other")
    unproven(acme)
    unproven(other, "lf2")
    with names(key_in_dns("lf2")):
        dns.look_again(timezone.now())
    assert (may_send(acme), may_send(other)) == (False, True)
    with names(key_in_dns() | key_in_dns("lf2")):
        dns.look_again(timezone.now() + timedelta(days=2))
    assert (may_send(acme), may_send(other)) == (True, True)


def test_who_runs_the_installation_may_vouch_for_it(acme: Account, owner: Client) -> None:
    domain = unproven(acme)
    page = owner.get(reverse("installation-account", args=[acme.slug])).content.decode()
    assert reverse("installation-domains", args=[acme.slug]) in page
    page = owner.get(reverse("installation-domains", args=[acme.slug])).content.decode()
    assert reverse("installation-domain-vouch", args=[acme.slug, domain.pk]) in page
    assert "root" in vouch(owner, acme, domain).content.decode()
    assert may_send(acme)
    entry = AuditEntry.objects.get(action="domain.vouched")
    assert (entry.account_id, entry.actor_name, entry.subject) == (acme.id, "root", "acme.test")


def test_what_is_another_accounts_is_vouched_for_to_nobody(acme: Account, owner: Client) -> None:
    other = make.account("Other")
    unproven(acme)
    theirs = unproven(other, "lf2")
    with names(key_in_dns()):
        dns.look_again(timezone.now())
    assert "was confirmed for another account" in vouch(owner, other, theirs).content.decode()
    assert (may_send(acme), may_send(other)) == (True, False)


def test_nobody_else_may_vouch_and_only_for_domains_of_the_account(acme: Account, admin: Client, owner: Client) -> None:
    domain = unproven(acme)
    assert vouch(admin, acme, domain).status_code == 403
    assert admin.get(reverse("installation-domains", args=[acme.slug])).status_code == 403
    assert vouch(owner, make.account("Other"), domain).status_code == 404
    assert not may_send(acme)


def test_what_comes_back_to_a_domain_nobody_proved_is_not_taken(acme: Account) -> None:
    domain = unproven(acme)
    SenderDomain.objects.update(return_path="bounces.acme.test")
    reception.forget()
    assert not reception.takes("x@bounces.acme.test")
    SenderDomain.objects.filter(id=domain.id).update(proven_at=timezone.now())
    assert reception.takes("x@bounces.acme.test")
    reception.forget()


def test_no_test_mail_leaves_from_it(acme: Account, admin: Client) -> None:
    unproven(acme)
    fields = {"sender": "a@acme.test", "recipient": "bob@example.com"}
    page = admin.post(reverse("sending-test", args=[acme.slug]), fields)
    assert page.status_code == 422
    assert "lf1._domainkey.acme.test" in page.content.decode()


def test_the_demo_sends_without_a_dns_that_could_prove_anything(acme: Account, settings: Any) -> None:
    assert commands.closed_world()["TRUST_SENDER_DOMAINS"] == "yes"
    assert configured.TRUST_SENDER_DOMAINS is False
    mailing.prepare(acme)
    assert not SenderDomain.objects.filter(proven_at=None).exists()
    unproven(acme)
    assert not may_send(acme)
    settings.TRUST_SENDER_DOMAINS = True
    assert may_send(acme)

"""Secrets that cannot be read any more, because SECRET_KEY was changed: the mail of their account waits, no other."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Role
from delivery import dns
from delivery.models import Outgoing, SenderDomain, Transport
from tests import make
from tests.delivery.engine import mailer, place, send_all, until
from tests.names import names
from tests.sinks import Sink

pytestmark = pytest.mark.django_db(transaction=True)


def relay(account: Account, mx: Sink) -> Transport:
    return Transport.objects.create(
        account=account, kind="relay", name="House", host="127.0.0.1", port=mx.port, is_default=True
    )


def spoil(table: str, column: str, account: Account) -> None:
    """As if it had been sealed with a key nobody has any more."""
    with connection.cursor() as cursor:
        cursor.execute(f"update {table} set {column} = 'gAAAAAB' where account_id = %s", [account.id])


SECRETS = pytest.mark.parametrize(
    "secret", [("delivery_transport", "secrets"), ("delivery_senderdomain", "private_key")], ids=["relay", "domain"]
)


@SECRETS
def test_only_the_mail_of_its_account_waits_and_goes_out_when_it_is_mended(
    account: Account, mx: Sink, settings: Any, secret: tuple[str, str]
) -> None:
    settings.ALLOWED_NETWORKS = make.LOOPBACK
    other = make.account("Other")
    make.sender_domain(other)
    transport = relay(account, mx)
    place(account, "ann@example.com")
    place(other, "bob@example.com")
    spoil(*secret, account)
    with mailer() as ours:
        until(lambda: ours.work(1) is not None and Outgoing.objects.count() == 1)
        assert Outgoing.objects.get().recipient == "ann@example.com"
        assert (Outgoing.objects.get().claimed_by, Outgoing.objects.get().attempts) == (None, 0)
        Transport.objects.filter(id=transport.id).update(secrets={})
        SenderDomain.objects.filter(account=account).update(private_key="")
        ours.book.rules.clear()
        send_all(ours)
    assert {m.recipients[0] for m in mx.messages} == {"ann@example.com", "bob@example.com"}


@SECRETS
def test_its_pages_say_so_and_let_it_be_typed_again(account: Account, mx: Sink, secret: tuple[str, str]) -> None:
    admin = Client()
    admin.force_login(make.member(account, role=Role.ADMIN))
    transport = relay(account, mx)
    domain = SenderDomain.objects.get()
    spoil(*secret, account)
    page = admin.get(reverse("transports", args=[account.slug])).content.decode()
    assert "cannot be read" in page
    assert ("House" if secret[0] == "delivery_transport" else "acme.test") in page
    for name, number in (("transport-edit", transport.pk), ("domain", domain.pk), ("domain-edit", domain.pk)):
        assert admin.get(reverse(name, args=[account.slug, number])).status_code == 200
    assert admin.get(reverse("domains", args=[account.slug])).status_code == 200
    tried = admin.post(
        reverse("transport-test", args=[account.slug, transport.pk]),
        {"sender": "a@acme.test", "recipient": "b@example.com"},
    )
    assert tried.status_code == 422
    assert "SECRET_KEY" in tried.content.decode()
    with names({}):
        assert dns.look_again(timezone.now()) == 1
    if secret[0] == "delivery_transport":
        fields = {"name": "House", "host": "127.0.0.1", "port": mx.port, "security": 1, "username": "",
                  "connections": 4, "enabled": "on", "secret_password": "new"}  # fmt: skip
        assert admin.post(reverse("transport-edit", args=[account.slug, transport.pk]), fields).status_code == 302
        assert Transport.objects.get().secrets == {"password": "new"}
    else:
        fields = {"name": "acme.test"}
        assert admin.post(reverse("domain-delete", args=[account.slug, domain.pk]), fields).status_code == 302
    page = admin.get(reverse("transports", args=[account.slug])).content.decode()
    assert "cannot be read" not in page

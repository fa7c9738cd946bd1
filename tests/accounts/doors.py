"""Every address of the site, whom it lets in, and something of each kind that addresses name.

A page of an account is one line in DOORS. What its address names is made by `furnished`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.access import enter
from accounts.keys import make_key
from accounts.models import Account, Membership, Role, Scope, User
from delivery import reception
from delivery.errand import Errand
from delivery.models import RetryPolicy, Transport
from feeds import inbox
from feeds.exports import orders
from feeds.exports.models import SavedView
from feeds.inbox import Incoming
from feeds.layouts import Layout
from feeds.lifecycle import record
from feeds.models import Email, StoredEvent
from suppression import removing
from suppression.imports.models import Import
from suppression.models import How, Removed
from suppression.spike import Spike
from suppression.undo import Undo
from tests import make


@dataclass(frozen=True, slots=True)
class Door:
    """A page of an account, the lowest role it lets in to what is somebody else's, and whether it takes nothing but a
    POST.

    `is_bare`: whoever is let in may find nothing either, because `furnished` makes nothing that it would show.
    """

    name: str
    role: Role = Role.VIEWER
    post: bool = False
    is_bare: bool = False

    @property
    def names(self) -> list[str]:
        """What its address names beside the account."""
        return re.findall(r"<(?:\w+:)?(\w+)>", next(route for name, route in routes() if name == self.name))[1:]

    def address(self, account: Account, things: dict[str, Any]) -> str:
        told = dict(things, inbox_id=things["mail_id"]) if self.name.startswith("returned") else things
        return reverse(self.name, args=[account.slug, *(told[name] for name in self.names)])


DOORS = [
    Door("feed"),
    Door("feed-export"),
    Door("feed-file"),
    Door("feed-download"),
    Door("feed-counts"),
    Door("feed-suggest"),
    Door("exports"),
    Door("export"),
    Door("export-file", is_bare=True),
    Door("export-cancel", Role.ADMIN, post=True),
    Door("export-delete", Role.ADMIN, post=True),
    Door("views"),
    Door("view-add"),
    Door("view-begin-all", post=True),
    Door("view-edit", Role.ADMIN),
    Door("view-begin", post=True),
    Door("view-delete", Role.ADMIN, post=True),
    Door("statuses"),
    Door("overview"),
    Door("email"),
    Door("email-raw"),
    Door("email-retry", Role.MEMBER, post=True),
    Door("email-give-up", Role.MEMBER, post=True),
    Door("email-resend", Role.MEMBER, post=True),
    Door("errand-add", Role.MEMBER),
    Door("errand", Role.MEMBER),
    Door("errand-stop", Role.MEMBER, post=True),
    Door("recipient"),
    Door("orphans"),
    Door("sources"),
    Door("source-add", Role.ADMIN),
    Door("source-add-provider", Role.ADMIN),
    Door("source"),
    Door("source-edit", Role.ADMIN),
    Door("source-address", Role.ADMIN),
    Door("source-delete", Role.ADMIN),
    Door("source-test", Role.ADMIN, post=True),
    Door("source-read-again", Role.ADMIN, post=True),
    Door("source-request"),
    Door("source-request-read-again", Role.ADMIN, post=True),
    Door("account-settings", Role.ADMIN),
    Door("members", Role.ADMIN),
    Door("member-add", Role.ADMIN, post=True),
    Door("member-create", Role.ADMIN, post=True),
    Door("member-role", Role.ADMIN, post=True),
    Door("member-remove", Role.ADMIN, post=True),
    Door("keys", Role.ADMIN),
    Door("key-add", Role.ADMIN),
    Door("key-revoke", Role.ADMIN),
    Door("audit", Role.ADMIN),
    Door("customize", Role.ADMIN),
    Door("customize-switches", Role.ADMIN, post=True),
    Door("customize-domain-add", Role.ADMIN, post=True),
    Door("customize-domain", Role.ADMIN, post=True),
    Door("customize-page", Role.ADMIN, post=True),
    Door("customize-reset", Role.ADMIN, post=True),
    Door("customize-host", Role.ADMIN, post=True),
    Door("customize-judge", Role.ADMIN, post=True),
    Door("customize-bounces", Role.ADMIN, post=True),
    Door("returned"),
    Door("returned-mail"),
    Door("domains", Role.ADMIN),
    Door("domain-add", Role.ADMIN),
    Door("domain", Role.ADMIN),
    Door("domain-check", Role.ADMIN, post=True),
    Door("domain-edit", Role.ADMIN),
    Door("domain-delete", Role.ADMIN),
    Door("transports", Role.ADMIN),
    Door("transport-choose", Role.ADMIN),
    Door("transport-add", Role.ADMIN),
    Door("transport-edit", Role.ADMIN),
    Door("transport-default", Role.ADMIN, post=True),
    Door("transport-delete", Role.ADMIN),
    Door("transport-test", Role.ADMIN),
    Door("sending-test", Role.ADMIN),
    Door("sending-retry-add", Role.ADMIN),
    Door("sending-retry", Role.ADMIN),
    Door("sending-retry-delete", Role.ADMIN, post=True),
    Door("suppressions"),
    Door("suppression-export"),
    Door("suppression-add", Role.MEMBER),
    Door("suppression-remove", Role.MEMBER, post=True),
    Door("suppression-test"),
    Door("suppression-history"),
    Door("suppression-put-back", Role.MEMBER, post=True),
    Door("suppression"),
    Door("suppression-change", Role.MEMBER),
    Door("suppression-undo", Role.ADMIN),
    Door("suppression-undo-one", Role.ADMIN),
    Door("suppression-undo-stop", Role.ADMIN, post=True),
    Door("suppression-undo-back", Role.ADMIN, post=True),
    Door("suppression-warnings"),
    Door("suppression-warning-dismiss", Role.ADMIN, post=True),
    Door("suppression-imports", Role.ADMIN),
    Door("suppression-import", Role.ADMIN),
    Door("suppression-import-progress", Role.ADMIN),
    Door("suppression-import-cancel", Role.ADMIN, post=True),
    Door("suppression-import-discard", Role.ADMIN, post=True),
    Door("suppression-import-report", Role.ADMIN, is_bare=True),
]
# What is nobody's, or is a secret itself, and the stream, which tests/feeds/test_live_stream.py asks for.
ELSEWHERE = {
    "healthz", "readyz", "set_language", "home", "favicon", "theme", "account-add", "feed-stream", "webhook",
    "tracking-pixel", "tracking-link", "tracking-leave", "tracking-logo", "v5-nowhere",
}  # fmt: skip
# In these words addresses name no object of an account's.
WORDS = {"provider": "plain", "kind": "relay", "ending": "ndjson", "address": "bob@example.com", "name": "acme.test"}


def routes() -> Iterator[tuple[str, str]]:
    """Name and route of every address there is, but for the pages of signing in, which are allauth's."""

    def inside(patterns: Any, before: str) -> Iterator[tuple[str, str]]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from inside(one.url_patterns, route)
            elif isinstance(one, URLPattern) and not route.startswith("sign-in/"):
                yield one.name or "", route

    return inside(get_resolver().url_patterns, "")


def furnished(name: str) -> tuple[Account, dict[str, Any]]:
    """A new account, and something of it for all that addresses name. `olga` with its name before owns it."""
    account, now = make.account(name), timezone.now()
    owner = make.member(account, f"{name}-olga")
    access = enter(owner, account.slug)
    viewer = Membership.objects.get(account=account, user=make.member(account, f"{name}-vic", Role.VIEWER))
    source = make.source(account)
    record([make.arrival(source, make.event(message_id="m1", occurred_at=now), received_at=now)])
    email = Email.objects.get(account=account)
    inbox.store_failed(Incoming(account.pk, source.pk, "webhook", now, "", {}, b"?"), "It cannot be read.")
    (due,) = inbox.failures(source.pk)
    removal = removing.begin(account.pk, How.UNDO)
    removing.take_off(removal, [make.suppression(account, "gone@example.com").pk])
    domain = make.sender_domain(account, f"{name.lower()}.test")
    errand = Errand.objects.create(account=account, action="retry", query="", expected=1, is_expected_exact=True,
                                   created_at=now, created_by=owner, place=0)  # fmt: skip
    job = Import.objects.create(account=account, actor_name="olga", token=name, file_name="a.csv", size=1, state=3,
                                created_at=now, finished_at=now, language="en")  # fmt: skip
    undo = Undo.objects.create(account=account, created_at=now, last_cause=0, removal=removal)
    spike = Spike.objects.create(account=account, reason=1, starts_at=now, n=99, usual=4, limit=50)
    view = SavedView.objects.create(account=account, name="Bounces", query="", is_shared=True, owner=access.membership)
    return account, WORDS | {
        "name": domain.name,
        "source_id": source.pk,
        "inbox_id": due.inbox_id,
        "mail_id": reception.keep("", f"x@{domain.name}", b"Subject: Hi\r\n\r\nHi\r\n", otherwise=account.pk),
        "email_id": email.pk,
        "key": StoredEvent.objects.get(email=email).key,
        "export_id": orders.order(access, "", Layout(), now).pk,
        "view_id": view.pk,
        "errand_id": errand.pk,
        "domain_id": domain.pk,
        "transport_id": Transport.objects.create(account=account, name="House", kind="relay", host="relay.test").pk,
        "policy_id": RetryPolicy.objects.create(account=account, minutes=[5]).pk,
        "key_id": make_key(access, "shop", list(Scope))[0].pk,
        "membership_id": viewer.pk,
        "entry_id": make.suppression(account).pk,
        "removed_id": Removed.objects.get(account=account).pk,
        "undo_id": undo.pk,
        "spike_id": spike.pk,
        "job_id": job.pk,
    }


def owner_of(account: Account) -> User:
    return User.objects.get(username=f"{account.name}-olga")

"""Domains and the ways out, as people set them up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from delivery.models import RetryPolicy, SenderDomain, Transport
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check
from tests.names import Names, names
from tests.sinks import Sink, sink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def dns(settings: Any) -> Iterator[Names]:
    settings.SMTP_HOSTNAME = "out.host.test"
    with names({}) as made:
        yield made


@pytest.fixture
def relay(settings: Any) -> Iterator[Sink]:
    settings.ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    with sink() as made:
        yield made


def submit(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_domain_is_added_and_its_records_are_copied_and_checked(signed_in: Open, acme: Account, dns: Names) -> None:
    page = signed_in(path="settings/domains/")
    check(page)
    page.get_by_role("link", name="Add a domain").click()
    check(page)
    page.get_by_label("Domain").fill("acme.test")
    submit(page, "Add and show the records")
    expect(page.get_by_role("heading", name="acme.test", exact=True)).to_be_visible()
    expect(page.get_by_text("4 records are not right yet")).to_be_visible()
    check(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    made = SenderDomain.objects.get()
    page.locator("[data-copy^='v=DKIM1']").click()
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"p={made.public_key}")
    dns.records |= {
        (f"{made.selector}._domainkey.acme.test", "TXT"): [f"v=DKIM1; k=rsa; p={made.public_key}"],
        ("bounces.acme.test", "TXT"): ["v=spf1 a:out.host.test ~all"],
        ("bounces.acme.test", "MX"): ["10 out.host.test."],
        ("_dmarc.acme.test", "TXT"): ["v=DMARC1; p=none"],
        ("out.host.test", "A"): ["192.0.2.1"],
    }
    submit(page, "Check now")
    expect(page.get_by_role("heading", name="All records are as they should be")).to_be_visible()
    check(page)


def test_a_relay_is_added_tried_and_used(signed_in: Open, acme: Account, relay: Sink) -> None:
    make.sender_domain(acme)
    page = signed_in(path="settings/sending/")
    check(page)
    page.get_by_role("link", name="Add a way out").click()
    check(page)
    page.get_by_role("link", name="A mail server (relay)").click()
    check(page)
    page.get_by_label("Name", exact=True).fill("House")
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_label("Port").fill(str(relay.port))
    submit(page, "Save")
    expect(page.get_by_text("This account's mail leaves through House")).to_be_visible()
    check(page)
    page.get_by_role("link", name=re.compile("Send a test mail.*House")).click()
    check(page)
    page.get_by_label("To", exact=True).fill("me@example.com")
    submit(page, "Send it now")
    expect(page.get_by_role("heading", name="It was accepted")).to_be_visible()
    expect(page.get_by_text("RCPT TO:<me@example.com>")).to_be_visible()
    check(page)
    assert relay.messages[0].recipients == ["me@example.com"]


@WIDTHS
@SCHEMES
def test_the_pages_are_readable_on_every_screen(
    signed_in: Open, acme: Account, dns: Names, relay: Sink, width: int, color_scheme: str
) -> None:
    checks = {
        "dkim": {
            "ok": True,
            "why": "good",
            "found": "v=DKIM1; p=" + "A" * 300,
            "wanted": "v=DKIM1; k=rsa; p=" + "A" * 300,
        },
        "return_path": {"ok": False, "why": "elsewhere", "found": "mx.other.test", "wanted": "10 out.host.test"},
    }
    way = Transport.objects.create(
        account=acme, name="A relay with quite a long name", kind="relay", host="127.0.0.1", port=relay.port,
        is_default=True, per_minute=1000,
    )  # fmt: skip
    domain = make.sender_domain(
        acme, "a-rather-long-domain-name.acme.test", public_key="A" * 300, return_path="b.acme.test", checks=checks,
        tracking_host="links.acme.test", transport=way,
    )  # fmt: skip
    policy = RetryPolicy.objects.create(account=acme, domain="gmail.com", minutes=[5, 15, 30])
    page = signed_in(width, "settings/domains/", color_scheme=color_scheme)
    check(page)
    for path in (
        f"domains/{domain.pk}/", f"domains/{domain.pk}/edit/", f"domains/{domain.pk}/delete/", "sending/",
        "sending/add/", "sending/add/postmark/", f"sending/{way.pk}/edit/", f"sending/{way.pk}/delete/",
        f"sending/retries/{policy.pk}/",
    ):  # fmt: skip
        page.goto(f"/a/{acme.slug}/settings/{path}")
        check(page)
    page.goto(f"/a/{acme.slug}/settings/sending/{way.pk}/test/")
    page.get_by_label("To", exact=True).fill("me@example.com")
    submit(page, "Send it now")
    expect(page.get_by_role("heading", name="It was accepted")).to_be_visible()
    check(page)


@SCHEMES
@WIDTHS
def test_a_domain_nobody_proved_is_confirmed_by_the_installation(
    signed_in: Open, acme: Account, width: int, color_scheme: str
) -> None:
    make.sender_domain(acme, "news.acme.test", selector="lf1", public_key="TUlJQ0lq", proven_at=None)
    make.sender_domain(acme, "acme.test")
    page = signed_in(width, "settings/domains/", color_scheme=color_scheme)
    check(page)
    page.get_by_role("link", name="news.acme.test").click()
    expect(page.get_by_role("heading", name="No mail is sent from it yet")).to_be_visible()
    check(page)
    User.objects.update(is_superuser=True)
    page.goto(f"/installation/accounts/{acme.slug}/")
    page.get_by_role("link", name="Domains", exact=True).click()
    check(page)
    page.get_by_role("button", name=re.compile("^Confirm")).click()
    expect(page.get_by_text("Confirmed by olga")).to_be_visible()
    check(page)

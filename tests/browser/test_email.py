"""One email, its recipient and what could not be placed, in Chromium: wide, in the panel, on a phone, in the dark."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from feeds import inbox
from feeds.events import Bounce, Kind
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check, happen
from webhooks import intake
from webhooks.models import Source
from webhooks.providers import plain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
BUSY = (
    "450 4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to "
    "https://support.google.com/mail/?p=OverQuotaTemp d2-20020a170902b70200b001bf193a4b8dsi77pls.112 - gsmtp"
)
LINK = "https://shop.acme.test/orders/A-1001/track?utm_campaign=autumn-2026&signature=6f1ed002ab5595859014ebf0951522d9"


def eventful(source: Source, recipient: str = "ann.long-name+orders@customers.example.com") -> Email:
    """An email that waited, was delivered, read by machine and person, and of which some came late and twice."""
    start = timezone.now() - timedelta(hours=3)
    told = [
        (Kind.PROCESSED, 0, 1, {}),
        (Kind.DEFERRED, 20, 21, {"comment": BUSY, "code": "4.2.2"}),
        (Kind.DEFERRED, 320, 321, {"comment": BUSY, "code": "4.2.2"}),
        (Kind.MACHINE_OPENED, 905, 906, {"user_agent": PROXY, "ip": "66.249.84.1"}),
        (Kind.OPENED, 2000, 2003, {"user_agent": CHROME, "ip": "203.0.113.9"}),
        (Kind.CLICKED, 2010, 2015, {"user_agent": CHROME, "ip": "203.0.113.9", "url": LINK}),
        (Kind.MACHINE_CLICKED, 903, 904, {"user_agent": "curl/8.5.0", "ip": "2001:db8:85a3::7334", "url": LINK}),
        (Kind.DELIVERED, 900, 6000, {"comment": "250 2.0.0 OK 1794900090 d2si77 - gsmtp", "code": "2.0.0"}),
    ]  # fmt: skip
    for n, (kind, occurred, received, fields) in enumerate(told, start=1):
        event = make.event(
            kind, recipient, message_id="<20261117.1.ABC@mg.acme.test>", header_id="20261117.1.ABC@mg.acme.test",
            occurred_at=start + timedelta(seconds=occurred), sender="orders@acme.test", tags=["orders", "autumn"],
            subject="Your order A-1001 is on its way, and this line is long", argument="A-1001", **fields,
        )  # fmt: skip
        for again in range(2 if kind is Kind.OPENED else 1):
            at = start + timedelta(seconds=received + 60 * again)
            record([make.arrival(source, event, received_at=at, inbox_id=n + 100 * again)])
    return Email.objects.get(recipient=recipient)


@SCHEMES
@WIDTHS
def test_the_page_of_an_email_tells_everything(signed_in: Open, src: Source, width: int, color_scheme: str) -> None:
    email = eventful(src)
    page = signed_in(width, path=f"emails/{email.id}/", color_scheme=color_scheme)
    expect(page.get_by_role("heading", level=1)).to_have_text(email.recipient)
    for words in (
        "attempt 2",
        "out of order",
        "told again",
        "came late",
        "The mailbox is full.",
        "Gmail's image proxy",
    ):
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_role("table", name="People and machines").get_by_role("row")).to_have_count(4)
    check(page)


@SCHEMES
def test_beside_the_list_it_tells_the_same(signed_in: Open, src: Source, color_scheme: str) -> None:
    email = eventful(src)
    page = signed_in(color_scheme=color_scheme)
    page.locator(f"#e{email.id} .row-link").click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name=email.recipient)).to_be_visible()
    expect(panel.get_by_text("attempt 2")).to_be_visible()
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    check(page)
    panel.get_by_role("link", name="Original record").first.click()
    expect(panel.get_by_text("The original request is no longer kept.")).to_be_visible()
    panel.get_by_role("link", name="All emails to this recipient").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(email.recipient)


def test_what_the_panel_brings_can_be_copied(signed_in: Open, src: Source) -> None:
    email = eventful(src)
    page = signed_in()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"#e{email.id} .row-link").click()
    page.locator("#panel").get_by_role("button", name="Copy as text").click()
    expect(page.locator("#panel").get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"Recipient: {email.recipient}\nSender: orders@acme.test\n")
    assert "The server's answer: 250 2.0.0 OK 1794900090 d2si77 - gsmtp" in copied
    page.locator("#panel .facts").get_by_role("button", name="Copy").first.click()
    expect(page.locator("#panel .facts").get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == email.recipient


@WIDTHS
def test_the_original_record_unfolds_and_copies(signed_in: Open, src: Source, width: int) -> None:
    now = timezone.now()
    sample = plain.sample("bob@example.com", now)
    incoming = (src.account_id, src.id, intake.KIND, now, sample.content_type, sample.headers, sample.body)
    inbox.store(inbox.Incoming(*incoming))
    inbox.work()
    page = signed_in(width, path=f"emails/{Email.objects.get().id}/")
    page.get_by_role("link", name="Original record").click()
    expect(page.locator(".event-raw pre")).to_contain_text('"subject": "A test of Live Feeds"')
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".event-raw .copy").click()
    assert json.loads(page.evaluate("navigator.clipboard.readText()"))["subject"] == "A test of Live Feeds"
    check(page)


@WIDTHS
def test_the_recipients_history_says_whether_they_may_be_mailed(signed_in: Open, src: Source, width: int) -> None:
    for n in range(3):
        happen(src, Kind.DELIVERED, "gone@example.com", ago=900 + n, subject=f"Offer {n}")
    happen(src, Kind.BOUNCED, "gone@example.com", ago=60, bounce=Bounce.HARD, comment="550 5.1.1 No such user")
    page = signed_in(width, path="recipients/gone@example.com/")
    expect(page.get_by_text("No: suppressed")).to_be_visible()
    check(page)
    page.get_by_role("link", name="The event that caused it").click()
    expect(page).to_have_url(re.compile("#event"))
    expect(page.locator(".event:target")).to_contain_text("Hard bounce")
    page.get_by_role("link", name="All emails to this recipient").click()
    page.locator("#emails .row-link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("gone@example.com")


@WIDTHS
def test_what_could_not_be_placed_is_listed(signed_in: Open, src: Source, width: int) -> None:
    page = signed_in(width, path="orphans/")
    expect(page.get_by_text("every event so far was understood")).to_be_visible()
    happen(src, Kind.UNKNOWN, "bob@example.com", name="email.teleported")
    record([make.arrival(src, make.event(Kind.SPAM, "ann@example.com", message_id=""), received_at=timezone.now())])
    page.reload()
    check(page)
    page.get_by_role("table", name="Unknown events").get_by_role("link", name="bob@example.com").click()
    expect(page.get_by_text("email.teleported")).to_be_visible()


def test_an_email_is_read_without_scripts(signed_in: Open, src: Source) -> None:
    email = eventful(src)
    page = signed_in(java_script_enabled=False, path=f"emails/{email.id}/")
    expect(page.get_by_text("attempt 2")).to_be_visible()
    expect(page.locator(".copy").first).to_be_hidden()
    page.get_by_role("link", name="Original record").first.click()
    expect(page.get_by_text("The original request is no longer kept.")).to_be_visible()

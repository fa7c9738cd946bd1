"""Undoing a mistake and the warnings that lead there, as Chromium shows them at both widths."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Account
from suppression import causes, removing, spikes, targets, undoing
from suppression.models import Origin, Reason, Suppression
from suppression.spike import Spike
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OUTAGE = "550 5.1.1 <r@gmail.example>: Recipient address rejected: User unknown in virtual mailbox table (mx outage)"


def outage(account: Account, n: int = 120) -> None:
    """A provider's outage of a few minutes ago, and an address that somebody took off themselves."""
    Account.objects.filter(pk=account.pk).update(created_at=timezone.now() - timedelta(days=99))
    source, now = make.source(account), timezone.now()
    causes.add(
        causes.Cause(
            account_id=account.pk, target=targets.read(f"r{i}@gmail.example"), reason=Reason.HARD_BOUNCE,
            origin=Origin.EVENT, ident="e1.1", at=now, added_at=now - timedelta(minutes=5, seconds=i),
            source_id=source.pk, comment=OUTAGE,
        )
        for i in range(n)
    )  # fmt: skip
    make.suppression(account, "r3@gmail.example", reason=Reason.HARD_BOUNCE, origin=Origin.IMPORT, ident="i1", at=now)
    make.suppression(account, "left@gmail.example", reason=Reason.UNSUBSCRIBED, added_at=now)
    spikes.watch(now)


def see(page: Page) -> None:
    """From the banner to what would go."""
    expect(page.get_by_text("unusually many suppressions of gmail.example")).to_be_visible()
    check(page)
    page.get_by_role("link", name="See what to undo").click()
    expect(page.get_by_text("119 entries would go.")).to_be_visible()
    expect(page.get_by_text("1 more stays")).to_be_visible()
    check(page)


@WIDTHS
def test_an_outage_is_undone_from_its_warning_and_put_back(signed_in: Open, acme: Account, width: int) -> None:
    outage(acme)
    page = signed_in(width)
    see(page)
    page.get_by_label("Why").fill("Outage of gmail.example")
    page.get_by_role("button", name="Take 119 entries off the list").click()
    expect(page.get_by_text("It is done.")).to_be_visible()
    expect(page.get_by_text("unusually many")).to_have_count(0)
    check(page)
    assert Suppression.objects.count() == 2
    page.get_by_role("button", name="Put all of it back").click()
    expect(page.get_by_text("What went was put back.")).to_be_visible()
    check(page)
    assert Suppression.objects.count() == 121
    page.get_by_role("link", name="Undo a mistake").click()
    expect(page.get_by_role("link", name="Outage of gmail.example")).to_be_visible()
    check(page)


@WIDTHS
def test_a_large_undo_shows_how_far_it_is(
    signed_in: Open, acme: Account, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "STEP", 50)
    outage(acme)
    page = signed_in(width, "suppressions/undo/?reason=1")
    page.get_by_label("Why").fill("Outage")
    page.get_by_role("button", name="Take 120 entries off the list").click()
    expect(page.get_by_text("It is under way.")).to_be_visible()
    check(page)
    undoing.work()
    expect(page.get_by_text("It is done.")).to_be_visible()
    check(page)


@WIDTHS
def test_a_warning_is_called_right(signed_in: Open, acme: Account, width: int) -> None:
    outage(acme)
    page = signed_in(width, "suppressions/warnings/")
    check(page)
    page.get_by_role("button", name="This is right").click()
    expect(page.get_by_text("It is right, said olga.")).to_be_visible()
    expect(page.get_by_role("link", name="See what to undo")).to_have_count(1)
    check(page)
    assert Spike.objects.get().dismissed_at


def test_it_works_without_javascript(signed_in: Open, acme: Account) -> None:
    outage(acme)
    page = signed_in(path="suppressions/undo/", java_script_enabled=False)
    page.get_by_label("Hard bounce").check()
    page.get_by_label("Text in the comment").fill("mx outage")
    page.get_by_role("button", name="Show what would go").click()
    page.get_by_label("Why").fill("Outage")
    page.get_by_role("button", name="Take 119 entries off the list").click()
    expect(page.get_by_text("It is done.")).to_be_visible()
    assert Suppression.objects.count() == 2


@SCHEMES
def test_the_pages_are_readable_in_light_and_dark(signed_in: Open, acme: Account, color_scheme: str) -> None:
    page = signed_in(path="suppressions/undo/", color_scheme=color_scheme)
    check(page)
    page.goto(f"/a/{acme.slug}/suppressions/warnings/")
    check(page)
    outage(acme)
    page.goto(f"/a/{acme.slug}/")
    see(page)
    page.goto(f"/a/{acme.slug}/suppressions/warnings/")
    check(page)


@WIDTHS
def test_the_pages_fit_in_portuguese(signed_in: Open, acme: Account, width: int) -> None:
    outage(acme)
    page = signed_in(width, "suppressions/undo/?reason=1", locale="pt-BR")
    check(page)
    page.goto(f"/a/{acme.slug}/suppressions/warnings/")
    check(page)

"""API keys, the audit log, credits and disabled accounts, as Chromium shows them at both widths."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts import keys
from accounts.access import enter
from accounts.keys import Locked, Scope, make_key
from accounts.models import Account, User
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@WIDTHS
def test_a_key_is_made_copied_and_revoked(signed_in: Open, acme: Account, width: int) -> None:
    page = signed_in(width, "settings/")
    settings = page.get_by_role("navigation", name="Settings")
    expect(settings.get_by_role("link", name="Account")).to_have_attribute("aria-current", "page")
    settings.get_by_role("link", name="API keys").click()
    check(page)
    page.get_by_role("link", name="New key").first.click()
    check(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label("Name", exact=True).fill("Shop")
    page.get_by_label("Only from these networks").fill("127.0.0.1")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("it is not shown again")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    raw = page.evaluate("navigator.clipboard.readText()")
    assert keys.unlock(raw, Scope.SEND, "127.0.0.1", timezone.now()).account == acme

    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_text("only from 127.0.0.1/32")).to_be_visible()
    expect(page.get_by_text(raw)).to_have_count(0)
    check(page)
    page.get_by_role("link", name="Revoke Shop").click()
    check(page)
    page.get_by_role("button", name="Revoke the key").click()
    expect(page.get_by_text("opens nothing any more")).to_be_visible()
    with pytest.raises(Locked):
        keys.unlock(raw, Scope.SEND, "127.0.0.1", timezone.now())

    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Audit log").click()
    expect(page.get_by_text("revoked the API key “Shop”")).to_be_visible()
    check(page)
    page.get_by_label("What").select_option("key.created")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".audit li", has_text="made the API key “Shop”")).to_be_visible()
    expect(page.locator(".audit > li")).to_have_count(1)


@WIDTHS
def test_an_account_is_disabled_and_gets_credits(signed_in: Open, acme: Account, width: int) -> None:
    page = signed_in(width)
    User.objects.update(is_superuser=True)
    page.goto("/installation/accounts/")
    check(page)
    page.get_by_role("link", name="Acme").first.click()
    check(page)
    page.get_by_label("Enabled").uncheck()
    page.get_by_label("Why it is disabled").fill("Unpaid")
    page.get_by_label("Limited by credits").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("disabled: Unpaid")).to_be_visible()
    page.get_by_label("Credits to add").fill("500")
    page.get_by_label("Note").fill("Invoice 7")
    page.get_by_role("button", name="Change the credits").click()
    expect(page.get_by_text("The account has 500 credits now.")).to_be_visible()
    check(page)
    page.goto(f"/a/{acme.slug}/")
    expect(page.get_by_text("This account is disabled: Unpaid")).to_be_visible()
    check(page)


@SCHEMES
def test_the_pages_are_readable_in_light_and_dark(signed_in: Open, acme: Account, color_scheme: str) -> None:
    page = signed_in(path="settings/", color_scheme=color_scheme)
    Account.objects.update(is_metered=True)
    User.objects.update(is_superuser=True)
    of_account = [f"/a/{acme.slug}/settings/{path}/" for path in ("keys", "keys/add", "audit")]
    for path in (*of_account, "/installation/accounts/", f"/installation/accounts/{acme.slug}/"):
        page.goto(path)
        check(page)


@WIDTHS
def test_the_pages_fit_in_portuguese(signed_in: Open, acme: Account, width: int) -> None:
    page = signed_in(width, "settings/", locale="pt-BR")
    Account.objects.update(is_metered=True)
    User.objects.update(is_superuser=True)
    make_key(enter(User.objects.get(username="olga"), acme.slug), "Loja", [Scope.SEND, Scope.READ])
    of_account = [f"/a/{acme.slug}/settings/{path}" for path in ("", "keys/", "keys/add/", "audit/")]
    for path in (*of_account, "/installation/accounts/", f"/installation/accounts/{acme.slug}/"):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "pt-br")
        check(page)

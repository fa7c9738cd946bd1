"""The suppression list as people use it in Chromium, at both widths, with the keyboard, without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Account, User
from suppression.models import Origin, Reason, Suppression
from tests import make
from tests.browser.conftest import SCHEMES, WIDTHS, Open, check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def entries(acme: Account) -> None:
    """Some of each kind, and more than a page of them."""
    now = timezone.now()
    for n in range(55):
        make.suppression(acme, f"p{n:02}@example.com", reason=Reason(1 + n % 5), added_at=now - timedelta(days=1 + n))
    make.suppression(
        acme, "bob@example.com", reason=Reason.HARD_BOUNCE, origin=Origin.EVENT, ident="e1.1", email_id=1, event_key=1,
        comment="550 5.1.1 No such user", at=now,
    )  # fmt: skip
    make.suppression(acme, "*.example.net", note="court order", actor_name="olga", at=now)


@pytest.mark.usefixtures("entries")
@WIDTHS
@SCHEMES
def test_the_list_is_searched_filtered_and_paged(signed_in: Open, width: int, color_scheme: str) -> None:
    page = signed_in(width, "suppressions/", color_scheme=color_scheme)
    expect(page.get_by_text("57 entries")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Older entries").click()
    expect(page.get_by_text("That is all.")).to_be_visible()
    page.get_by_role("link", name="Newer entries").click()
    page.get_by_label("Search the list").fill("ob@ex")
    expect(page.get_by_text("1 entry", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="bob@example.com")).to_be_visible()
    page.get_by_label("Search the list").fill("nobody@example.com")
    expect(page.get_by_text("nobody@example.com is not on the list")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Clear the search").click()
    page.get_by_label("What it covers").select_option("subdomains")
    expect(page.get_by_role("link", name="*@*.example.net")).to_be_visible()
    expect(page.get_by_text("1 entry", exact=True)).to_be_visible()
    page.get_by_role("link", name="*@*.example.net").click()
    expect(page.get_by_text("such as mail.example.net")).to_be_visible()
    check(page)


@WIDTHS
@SCHEMES
def test_many_are_added_looked_at_and_taken_off(signed_in: Open, acme: Account, width: int, color_scheme: str) -> None:
    page = signed_in(width, "suppressions/", color_scheme=color_scheme)
    expect(page.get_by_text("Everybody may be mailed")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Add addresses").first.click()
    check(page)
    page.get_by_label("Addresses").fill("bob@example.com, ann@example.com\nexample.org")
    page.get_by_label("Why").fill("They asked us to")
    page.get_by_role("button", name="Put on the list").click()
    expect(page.get_by_text("It covers everybody at example.org, but nobody at its subdomains.")).to_be_visible()
    expect(page.get_by_text("Beside it 2 single addresses are put on the list.")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Yes, put it on the list").click()
    expect(page.get_by_text("3 entries were added.")).to_be_visible()

    page.get_by_role("link", name="bob@example.com").click()
    expect(page.get_by_text("They asked us to").first).to_be_visible()
    check(page)
    page.get_by_label("Your note").fill("Until they are back")
    page.get_by_label("Last day", exact=True).fill("2199-01-31")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("It was saved.")).to_be_visible()
    page.get_by_role("link", name="Back to the list").click()

    page.get_by_label("Tick bob@example.com").check()
    page.get_by_label("Tick ann@example.com").check()
    page.get_by_role("button", name="Take the ticked off the list…").click()
    expect(page.get_by_text("Take these 2 entries off the list?")).to_be_visible()
    check(page)
    page.get_by_label("Why").fill("They are back")
    page.get_by_role("button", name="Take off the list", exact=True).click()
    expect(page.get_by_text("2 entries were taken off the list.")).to_be_visible()
    page.goto(f"/a/{acme.slug}/suppressions/history/?target=bob@example.com")
    expect(page.get_by_text("They are back", exact=True)).to_be_visible()
    check(page)
    page.get_by_role("button", name="Put back").click()
    expect(page.get_by_text("bob@example.com is on the list again.")).to_be_visible()
    check(page)


@pytest.mark.usefixtures("entries")
@WIDTHS
def test_the_tester_tells_every_rule(signed_in: Open, acme: Account, width: int) -> None:
    make.sender_domain(acme)
    page = signed_in(width, "suppressions/")
    page.get_by_role("navigation", name="Pages of the list").get_by_role("link", name="Test").click()
    check(page)
    page.get_by_label("Address", exact=True).fill("bob@example.com")
    page.get_by_label("Address", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="No, it would not be sent")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Show the entry").click()
    expect(page.get_by_text("550 5.1.1 No such user")).to_be_visible()
    page.goto(f"/a/{acme.slug}/suppressions/test/?address=well@example.com&sender=acme.test")
    expect(page.get_by_role("heading", name="Yes, it would be sent")).to_be_visible()
    expect(page.get_by_text("The domain acme.test is not proven yet.")).to_be_visible()
    check(page)


@pytest.mark.usefixtures("entries")
def test_with_the_keyboard_alone_somebody_is_taken_off(signed_in: Open) -> None:
    page = signed_in(1440, "suppressions/?q=bob@example.com")
    page.get_by_label("Tick all on this page").focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("Tick bob@example.com")).to_be_checked()
    page.get_by_role("button", name="Take the ticked off the list…").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Why").focus()
    page.keyboard.type("a mistake")
    page.keyboard.press("Enter")
    expect(page.get_by_text("bob@example.com was taken off the list and can be mailed again at once.")).to_be_visible()


@pytest.mark.usefixtures("entries")
def test_without_scripts_all_of_it_works(signed_in: Open) -> None:
    page = signed_in(375, "suppressions/", java_script_enabled=False)
    expect(page.get_by_label("Tick all on this page")).to_be_hidden()
    page.get_by_label("Search the list").fill("bob")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 entry", exact=True)).to_be_visible()
    page.get_by_label("Tick bob@example.com").check()
    page.get_by_role("button", name="Take the ticked off the list…").click()
    page.get_by_role("button", name="Take off the list", exact=True).click()
    expect(page.get_by_text("bob@example.com was taken off the list")).to_be_visible()
    assert not Suppression.objects.filter(target="bob@example.com").exists()
    page.get_by_role("link", name="Add addresses").first.click()
    page.get_by_label("Addresses").fill("bob@example.com")
    page.get_by_role("button", name="Put on the list").click()
    expect(page.get_by_text("bob@example.com is on the list and is not mailed any more.")).to_be_visible()


@WIDTHS
def test_the_installations_list_is_for_all_accounts(signed_in: Open, acme: Account, width: int) -> None:
    page = signed_in(width)
    User.objects.update(is_superuser=True)
    page.goto("/installation/suppressions/")
    expect(page.get_by_role("heading", name="Suppressions of the whole installation")).to_be_visible()
    check(page)
    page.get_by_role("link", name="Add addresses").first.click()
    page.get_by_label("Addresses").fill("bob@example.com")
    page.get_by_role("button", name="Put on the list").click()
    expect(page.get_by_role("link", name="bob@example.com")).to_be_visible()
    check(page)
    page.goto(f"/a/{acme.slug}/suppressions/test/?address=bob@example.com")
    expect(page.get_by_text("It is on the list that holds for the whole installation.")).to_be_visible()

"""Warnings of unusually many suppressions, with series as accounts have them."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import enter
from accounts.models import Account, AuditEntry, Role
from feeds.events import Kind
from feeds.lifecycle import record
from suppression import causes, rates, spikes, targets
from suppression.models import Origin, Reason, Suppression
from suppression.spike import Rate, Spike
from suppression.undo import Undo
from tests import make

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 24, 12, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_numbers = itertools.count(1)


@pytest.fixture
def acme() -> Account:
    """One that is there for long."""
    account = make.account(time_zone="America/Sao_Paulo")
    Account.objects.filter(pk=account.pk).update(created_at=NOW - 400 * DAY)
    account.refresh_from_db()
    return account


def came(
    account: Account,
    n: int,
    at: datetime,
    domain: str = "",
    *,
    over: timedelta = 20 * MINUTE,
    **fields: Any,
) -> None:
    """So many came on the list by events, evenly from then on; each at a domain of its own unless one is named."""
    told: dict[str, Any] = {"reason": Reason.HARD_BOUNCE, "origin": Origin.EVENT} | fields
    numbers = [next(_numbers) for _n in range(n)]
    causes.add(
        causes.Cause(
            account_id=account.id, target=targets.read(f"r{number}@{domain or f'd{number}.example'}"), ident="e1.1",
            at=at + over * i / n, added_at=at + over * i / n, **told,
        )
        for i, number in enumerate(numbers)
    )  # fmt: skip


def history(account: Account, each_day: int = 12, domain: str = "") -> None:
    """Two weeks of ordinary days."""
    for day in range(1, 15):
        came(account, each_day, NOW - day * DAY - 2 * HOUR, domain, over=6 * HOUR)


def mailed(account: Account, n: int, at: datetime, domain: str = "") -> None:
    """So many emails were delivered."""
    source = make.source(account)
    events = [
        make.event(Kind.DELIVERED, f"m{i}@{domain or f'm{i}.example'}", message_id=f"m{i}", occurred_at=at)
        for i in range(n)
    ]
    record([make.arrival(source, *events, received_at=at)])


def signed_in(account: Account, role: Role = Role.OWNER) -> Client:
    client = Client()
    client.force_login(make.member(account, role=role))
    return client


def told(client: Client, account: Account, page: str = "feed") -> str:
    """The banners of a page."""
    html = client.get(reverse(page, args=[account.slug])).content.decode()
    return unescape(
        " ".join(re.findall(r'<div class="alert alert-warning" role="status">(.*?)</div>\s*</div>', html, re.DOTALL))
    )


def test_an_outage_is_told_on_every_page_and_undone_from_there(acme: Account, monkeypatch: Any) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    history(acme, domain="gmail.example")
    came(acme, 3, NOW - 55 * MINUTE, "gmail.example")
    came(acme, 120, NOW - 20 * MINUTE, "gmail.example")
    came(acme, 9, NOW - 40 * MINUTE)
    assert spikes.watch(NOW) == 1
    spike = Spike.objects.get()
    assert (spike.reason, spike.domain, spike.n) == (Reason.HARD_BOUNCE, "gmail.example", 123)
    assert spike.starts_at == NOW - 20 * MINUTE
    assert spikes.watch(NOW) == 0

    client = signed_in(acme)
    for page in ("feed", "suppressions", "suppression-undo", "sources"):
        said = told(client, acme, page)
        assert "09:10 there are unusually many suppressions of gmail.example" in said, page
    url = unescape(said.partition('<a href="')[2].partition('"')[0])
    page = client.get(url).content.decode()
    assert "120 entries would go." in page
    form = page.partition('id="preview"')[2].partition("</form>")[0]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    posted = {name: value for name, value in hidden if name != "csrfmiddlewaretoken"}
    assert client.post(url.partition("?")[0], posted | {"note": "outage"}).status_code == 302
    assert Undo.objects.get().entries == 120
    assert Spike.objects.get().undo == Undo.objects.get()
    assert told(client, acme) == ""
    assert "It was undone." in client.get(reverse("suppression-warnings", args=[acme.slug])).content.decode()


def test_a_campaigns_bounces_are_no_outage(acme: Account) -> None:
    """The same number of bounces, of many emails and of few."""
    mailed(acme, 1500, NOW - 30 * MINUTE)
    came(acme, 90, NOW - 20 * MINUTE)
    assert spikes.watch(NOW) == 0

    other = make.account("Other")
    Account.objects.filter(pk=other.pk).update(created_at=NOW - 400 * DAY)
    mailed(other, 200, NOW - 30 * MINUTE)
    came(other, 90, NOW - 20 * MINUTE)
    assert spikes.watch(NOW) == 1
    assert Spike.objects.get().account == other


def test_bounces_that_trickle_in_after_a_campaign_are_none_either(acme: Account) -> None:
    mailed(acme, 6000, NOW - 20 * HOUR)
    came(acme, 55, NOW - 50 * MINUTE)
    assert spikes.watch(NOW) == 0


def test_one_domain_of_many_is_measured_by_its_own_emails(acme: Account) -> None:
    mailed(acme, 1500, NOW - 30 * MINUTE)
    mailed(acme, 100, NOW - 30 * MINUTE, "gmail.example")
    came(acme, 80, NOW - 20 * MINUTE, "gmail.example")
    assert spikes.watch(NOW) == 1
    assert Spike.objects.get().domain == "gmail.example"


def test_what_is_sent_each_week_is_no_news(acme: Account) -> None:
    for weeks in (1, 2):
        came(acme, 150, NOW - weeks * 7 * DAY - 30 * MINUTE)
    came(acme, 160, NOW - 30 * MINUTE)
    assert spikes.watch(NOW) == 0
    came(acme, 200, NOW - 10 * MINUTE, over=timedelta(minutes=5))
    assert spikes.watch(NOW) == 1


def test_a_busy_list_is_compared_with_its_busy_hours(acme: Account) -> None:
    monkey = [Rate(account=acme, hour=NOW.replace(minute=0) - n * HOUR, reason=1, n=100) for n in range(2, 330)]
    Rate.objects.bulk_create(monkey)
    came(acme, 700, NOW - 30 * MINUTE)
    assert spikes.watch(NOW) == 0
    came(acme, 120, NOW - 8 * MINUTE, over=timedelta(minutes=5))
    assert spikes.watch(NOW) == 1


def test_a_new_account_is_given_a_day(acme: Account) -> None:
    Account.objects.update(created_at=NOW - 5 * HOUR)
    came(acme, 150, NOW - 30 * MINUTE)
    assert spikes.watch(NOW) == 0
    came(acme, 60, NOW - 8 * MINUTE, over=timedelta(minutes=5))
    assert spikes.watch(NOW) == 1


@pytest.mark.parametrize(("origin", "new"), [(Origin.IMPORT, 0), (Origin.PERSON, 0), (Origin.KEY, 1)])
def test_what_people_do_is_known_to_them_and_what_programs_do_is_not(acme: Account, origin: Origin, new: int) -> None:
    came(acme, 300, NOW - 30 * MINUTE, origin=origin, reason=Reason.MANUAL)
    assert spikes.watch(NOW) == new


def test_a_source_that_brings_most_of_it_is_named(acme: Account) -> None:
    source = make.source(acme)
    came(acme, 100, NOW - 30 * MINUTE, source_id=source.pk)
    came(acme, 5, NOW - 30 * MINUTE, source_id=source.pk + 1)
    assert spikes.watch(NOW) == 1
    assert Spike.objects.get().source_id == source.pk
    assert f"by “{source.name}” (Hard bounce)" in told_at(acme, NOW)


def told_at(account: Account, now: datetime) -> str:
    person = make.member(account)
    return " ".join(banner.sentence for banner in spikes.banners(enter(person, account.slug), now))


def test_it_ends_by_itself_and_is_told_for_a_day_more(acme: Account) -> None:
    came(acme, 100, NOW - 30 * MINUTE, "gmail.example")
    spikes.watch(NOW)
    spikes.watch(NOW + 10 * MINUTE)
    assert Spike.objects.get().ended_at is None
    later = NOW + 90 * MINUTE
    spikes.watch(later)
    assert Spike.objects.get().ended_at == later
    assert "gmail.example" in told_at(acme, later + 23 * HOUR)
    assert told_at(acme, later + 25 * HOUR) == ""


def test_a_mistake_does_not_become_usual_and_what_is_right_does(acme: Account) -> None:
    came(acme, 100, NOW - 2 * DAY - 30 * MINUTE, "gmail.example")
    assert spikes.watch(NOW - 2 * DAY) == 1
    spikes.watch(NOW - DAY)
    came(acme, 110, NOW - 30 * MINUTE, "gmail.example")
    assert spikes.watch(NOW) == 1
    Spike.objects.latest("id").delete()
    client = signed_in(acme)
    first = Spike.objects.get()
    client.post(reverse("suppression-warning-dismiss", args=[acme.slug, first.pk]))
    assert spikes.watch(NOW) == 0
    assert AuditEntry.objects.get().action == "suppression.warning-dismissed"
    assert Spike.objects.get().dismissed_by


def test_what_spreads_to_all_domains_is_one_warning(acme: Account) -> None:
    came(acme, 100, NOW - 30 * MINUTE, "gmail.example")
    spikes.watch(NOW)
    came(acme, 300, NOW, over=5 * MINUTE)
    assert spikes.watch(NOW + 6 * MINUTE) == 1
    spike = Spike.objects.get()
    assert (spike.domain, spike.n) == ("", 400)


def test_nothing_of_it_is_told_to_another_account_and_only_administrators_settle_it(
    acme: Account, monkeypatch: Any
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    other = make.account("Other")
    came(acme, 100, NOW - 30 * MINUTE, "gmail.example")
    spikes.watch(NOW)
    stranger = signed_in(other)
    spike = Spike.objects.get()
    assert told(stranger, other) == ""
    assert "gmail.example" not in stranger.get(reverse("suppression-warnings", args=[other.slug])).content.decode()
    stranger.post(reverse("suppression-warning-dismiss", args=[other.slug, spike.pk]))
    stranger.post(reverse("suppression-undo", args=[other.slug]), {"reason": "1", "note": "x", "spike": str(spike.pk)})
    viewer = signed_in(acme, Role.VIEWER)
    assert reverse("suppression-warnings", args=[acme.slug]) in told(viewer, acme)
    assert viewer.post(reverse("suppression-warning-dismiss", args=[acme.slug, spike.pk])).status_code == 403
    spike.refresh_from_db()
    assert (spike.dismissed_at, spike.undo) == (None, None)


def test_what_is_old_is_let_go_of_and_nothing_is_counted_twice(acme: Account) -> None:
    history(acme)
    for minutes in (0, 5, 10):
        spikes.watch(NOW + minutes * MINUTE)
    came(acme, 20, NOW - 10 * MINUTE)
    spikes.watch(NOW + 15 * MINUTE)
    spikes.watch(NOW + 16 * MINUTE)
    hours = Rate.objects.filter(domain="", source_id=0)
    assert sum(hours.filter(hour__gte=NOW - HOUR).values_list("n", flat=True)) == 20
    assert Suppression.objects.count() == 14 * 12 + 20
    rates.forget(NOW + 20 * DAY)
    assert not Rate.objects.exists()

"""Saved views: whose they are, where they lead, and their exports by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.access import enter
from accounts.models import Account, Membership, Role
from feeds import saved, tasks
from feeds.exports.models import Every, Export, SavedView, State, Weekday
from feeds.query import Filter
from tests import make
from tests.exporting import body, fetch, fill, text

pytestmark = pytest.mark.django_db
LAYOUT = {"format": "ndjson", "columns": "own", "column": ["recipient"], "order": ["recipient"]}


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EXPORTS_FOLDER = tmp_path / "exports"
    return tmp_path / "exports"


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


def person(account: Account, name: str, role: Role = Role.MEMBER) -> Client:
    client = Client()
    client.force_login(make.member(account, name, role))
    return client


@pytest.fixture
def ann(acme: Account) -> Client:
    return person(acme, "ann")


def save(client: Client, acme: Account, name: str, query: str = "", **fields: Any) -> SavedView:
    response = client.post(f"/a/{acme.slug}/views/new/", {"name": name, "query": query, **fields})
    assert response.status_code == 302, text(response)
    return SavedView.objects.latest("id")


def change(client: Client, view: SavedView, **fields: Any) -> Any:
    sent = {
        "name": view.name, "query": view.query, "every": view.every, "weekday": view.weekday, "hour": view.hour,
        **({"is_shared": "on"} if view.is_shared else {}), **LAYOUT, **fields,
    }  # fmt: skip
    return client.post(f"/a/{view.account.slug}/views/{view.pk}/", sent)


def menu(client: Client, acme: Account) -> str:
    return text(client.get(f"/a/{acme.slug}/views/"))


# ---- Whose they are ---------------------------------------------------------------------------------------


def test_the_filter_of_the_feed_is_saved_under_a_name(ann: Client, acme: Account) -> None:
    page = ann.get(f"/a/{acme.slug}/views/new/?q=status%3Abounced")
    assert 'value="status:bounced"' in text(page)
    view = save(ann, acme, "  Hard   cases ", "  status:BOUNCED  ")
    assert (view.name, view.query) == ("Hard cases", Filter.parse("status:bounced").text)
    assert f'href="/a/{acme.slug}/?q=status%3Abounced"' in menu(ann, acme)


def test_ones_own_are_nobody_elses_until_they_are_shared(ann: Client, acme: Account) -> None:
    bob, vic = person(acme, "bob"), person(acme, "vic", Role.VIEWER)
    view = save(ann, acme, "Bounces", "status:bounced")
    for action in ("", "begin/", "delete/"):
        assert bob.post(f"/a/{acme.slug}/views/{view.pk}/{action}").status_code == 404
    assert "Bounces" not in menu(bob, acme)
    change(ann, view, is_shared="on")
    assert "shared by ann" in menu(bob, acme)
    assert change(bob, view, name="Mine now").status_code == 403
    assert bob.post(f"/a/{acme.slug}/views/{view.pk}/delete/").status_code == 403
    assert "Bounces" in menu(vic, acme)
    boss = person(acme, "boss", Role.ADMIN)
    view.refresh_from_db()
    assert change(boss, view, name="All bounces").status_code == 302
    view.refresh_from_db()
    assert (view.name, view.owner and view.owner.user.username) == ("All bounces", "ann")
    assert boss.post(f"/a/{acme.slug}/views/{view.pk}/delete/").status_code == 302
    assert not SavedView.objects.exists()


def test_an_administrator_has_no_way_into_what_is_not_shared(ann: Client, acme: Account) -> None:
    view = save(ann, acme, "Private")
    boss = person(acme, "boss", Role.OWNER)
    assert change(boss, view, name="x").status_code == 404
    assert "Private" not in menu(boss, acme)


def test_a_viewer_shares_nothing(acme: Account) -> None:
    vic = person(acme, "vic", Role.VIEWER)
    assert "shared with the account" not in text(vic.get(f"/a/{acme.slug}/views/new/"))
    view = save(vic, acme, "Mine", is_shared="on")
    assert not view.is_shared
    change(vic, view, is_shared="on")
    view.refresh_from_db()
    assert not view.is_shared


def test_another_accounts_views_are_not_there(ann: Client, acme: Account) -> None:
    view = save(ann, acme, "Bounces", is_shared="on")
    other = make.account()
    stranger = person(other, "sam", Role.OWNER)
    for slug in (acme.slug, other.slug):
        for action in ("", "begin/", "delete/"):
            assert stranger.post(f"/a/{slug}/views/{view.pk}/{action}").status_code == 404
        assert stranger.get(f"/a/{slug}/views/{view.pk}/").status_code == 404
    assert "Bounces" not in menu(stranger, other)


def test_a_name_is_used_once_by_each(ann: Client, acme: Account) -> None:
    bob = person(acme, "bob")
    view = save(ann, acme, "Bounces")
    save(bob, acme, "Bounces")
    response = ann.post(f"/a/{acme.slug}/views/new/", {"name": "bounces", "query": ""})
    assert response.status_code == 422
    assert "There is a view of this name already." in text(response)
    assert change(ann, view, name="BOUNCES").status_code == 302
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(account=acme, owner=view.owner, name="bouNces")


def test_a_mistake_in_the_filter_is_told_where_it_is_typed(ann: Client, acme: Account) -> None:
    response = ann.post(f"/a/{acme.slug}/views/new/", {"name": "Wrong", "query": "status:lost"})
    assert response.status_code == 422
    assert "“lost”" in text(response)
    assert not SavedView.objects.exists()


def test_a_filter_nobody_understands_any_more_shows_its_sentence(ann: Client, acme: Account) -> None:
    view = save(ann, acme, "Old", "status:bounced")
    SavedView.objects.update(query='status:lost source:"gone for ever"')
    page = menu(ann, acme)
    assert "“lost”" in page
    assert "Old" in page
    SavedView.objects.update(query='source:"gone for ever"')
    assert "gone for ever" in menu(ann, acme)
    ann.post(f"/a/{acme.slug}/views/{view.pk}/begin/")
    assert ann.get("/").status_code == 302


def test_shared_views_outlive_their_owner_and_others_go(ann: Client, acme: Account) -> None:
    save(ann, acme, "Mine")
    shared = save(ann, acme, "Ours", is_shared="on")
    bob = person(acme, "bob", Role.ADMIN)
    Membership.objects.filter(user__username="ann").delete()
    tasks.clear_exports()
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Ours"]
    assert "shared by somebody who left" in menu(bob, acme)
    shared.refresh_from_db()
    assert change(bob, shared, name="Still ours").status_code == 302


# ---- Beginning with one -----------------------------------------------------------------------------------


def test_one_begins_with_the_view_chosen_and_is_never_held_there(ann: Client, acme: Account) -> None:
    feed = f"/a/{acme.slug}/"
    assert ann.get("/")["Location"] == feed
    view = save(ann, acme, "Bounces", "status:bounced")
    ann.post(f"/a/{acme.slug}/views/{view.pk}/begin/")
    assert ann.get("/")["Location"] == f"{feed}?q=status%3Abounced"
    assert "You begin with “Bounces”" in menu(ann, acme)
    assert ann.get(feed).status_code == 200
    ann.post(f"/a/{acme.slug}/views/begin/")
    assert ann.get("/")["Location"] == feed
    ann.post(f"/a/{acme.slug}/views/{view.pk}/begin/")
    view.delete()
    assert ann.get("/")["Location"] == feed


def test_a_view_that_is_not_shared_any_more_is_begun_with_by_its_owner_alone(ann: Client, acme: Account) -> None:
    view = save(ann, acme, "Bounces", "status:bounced", is_shared="on")
    bob = person(acme, "bob")
    bob.post(f"/a/{acme.slug}/views/{view.pk}/begin/")
    assert bob.get("/")["Location"].endswith("?q=status%3Abounced")
    SavedView.objects.update(is_shared=False)
    assert bob.get("/")["Location"] == f"/a/{acme.slug}/"


def test_choosing_a_view_and_choosing_columns_keep_each_other(ann: Client, acme: Account) -> None:
    view = save(ann, acme, "Bounces", "status:bounced")
    ann.post(f"/a/{acme.slug}/views/{view.pk}/begin/")
    ann.post(f"/a/{acme.slug}/download/", LAYOUT | {"how": "now"})
    ann.post(f"/a/{acme.slug}/views/{view.pk}/begin/")
    access = enter(view.owner.user, acme.slug) if view.owner else None
    assert access
    assert saved.default_of(access) == view
    assert saved.chosen(access).columns == ("recipient",)


# ---- By the clock -----------------------------------------------------------------------------------------


def at(zone: str, now: datetime, **fields: Any) -> datetime | None:
    account = make.account(time_zone=zone)
    return saved.next_time(SavedView(account=account, **fields), account.zone, now)


def test_daily_it_is_at_its_hour_in_the_accounts_zone() -> None:
    before = datetime(2026, 3, 10, 9, 59, tzinfo=UTC)
    assert at("America/Sao_Paulo", before, every=Every.DAY, hour=7) == datetime(2026, 3, 10, 10, tzinfo=UTC)
    there = datetime(2026, 3, 10, 10, tzinfo=UTC)
    assert at("America/Sao_Paulo", there, every=Every.DAY, hour=7) == datetime(2026, 3, 11, 10, tzinfo=UTC)
    assert at("UTC", there, every=Every.NEVER) is None


def test_weekly_it_is_on_its_day() -> None:
    tuesday = datetime(2026, 3, 10, 12, tzinfo=UTC)
    weekly = {"every": Every.WEEK, "hour": 7}
    assert at("UTC", tuesday, weekday=Weekday.TUESDAY, **weekly) == datetime(2026, 3, 17, 7, tzinfo=UTC)
    assert at("UTC", tuesday, weekday=Weekday.MONDAY, **weekly) == datetime(2026, 3, 16, 7, tzinfo=UTC)
    # In Auckland it is Wednesday already.
    assert at("Pacific/Auckland", tuesday, weekday=Weekday.WEDNESDAY, **weekly) == datetime(2026, 3, 10, 18, tzinfo=UTC)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize(
    ("zone", "around"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC)),
    ],
)
def test_on_the_day_the_clocks_change_it_is_once_too(zone: str, around: datetime, hour: int) -> None:
    account = make.account(time_zone=zone)
    view = SavedView(account=account, every=Every.DAY, hour=hour)
    now, moments = around - timedelta(days=3), []
    while (found := saved.next_time(view, account.zone, now)) and found < around + timedelta(days=3):
        assert found > now
        moments.append(found)
        now = found.astimezone(UTC)
    days = [moment.astimezone(account.zone).date() for moment in moments]
    assert len(set(days)) == len(days) == (days[-1] - days[0]).days + 1
    hours = {moment.astimezone(UTC).astimezone(account.zone).hour for moment in moments}
    assert hours in ({hour}, {hour, hour + 1})


def scheduled(client: Client, acme: Account, **fields: Any) -> SavedView:
    view = save(client, acme, "Bounces", "status:bounced")
    assert change(client, view, every=Every.DAY, hour=7, **fields).status_code == 302
    view.refresh_from_db()
    return view


def test_a_view_becomes_an_export_when_its_time_has_come(ann: Client, acme: Account) -> None:
    fill(make.source(acme), 2)
    view = scheduled(ann, acme, query="status:delivered")
    assert view.next_at
    assert timezone.now() < view.next_at <= timezone.now() + timedelta(days=1)
    tasks.make_exports()
    assert not Export.objects.exists()
    # Nobody looked for three days: that is one export, not three.
    SavedView.objects.update(next_at=timezone.now() - timedelta(days=3))
    tasks.make_exports()
    tasks.make_exports()
    export = Export.objects.get()
    assert (export.state, export.emails, export.view, export.made_by and export.made_by.username) == (
        State.DONE, 2, view, "ann"
    )  # fmt: skip
    assert body(fetch(ann, export)).count(b"\n") == 2
    assert body(fetch(ann, export)).startswith(b'{"recipient":')
    view.refresh_from_db()
    assert view.next_at > timezone.now()
    assert "Bounces" in text(ann.get(f"/a/{acme.slug}/exports/"))
    ann.post(f"/a/{acme.slug}/views/{view.pk}/delete/")
    assert fetch(ann, export).status_code == 200


def test_its_columns_are_moved_on_its_page_and_never_by_halves(ann: Client, acme: Account) -> None:
    view = scheduled(ann, acme)
    moved = change(ann, view, name="Not yet", order=["recipient", "opens"], move="down:recipient")
    assert moved.status_code == 200
    assert moved.context["layout"].order[:2] == ("opens", "recipient")
    wrong = change(ann, view, column=["nothing"], name="Not yet")
    assert wrong.status_code == 422
    view.refresh_from_db()
    assert view.name == "Bounces"


def test_never_again_means_no_moment(ann: Client, acme: Account) -> None:
    view = scheduled(ann, acme)
    change(ann, view, every=Every.NEVER)
    view.refresh_from_db()
    assert view.next_at is None
    assert change(ann, view, every=Every.DAY, hour=24).status_code == 422
    assert change(ann, view, every=3).status_code == 422
    assert change(ann, view, every=Every.WEEK, weekday=9).status_code == 422

"""Undoing a mistake, by what people post and what the list says then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, AuditEntry
from suppression import matching, removing, undoing
from suppression.checking import stopped
from suppression.imports.models import Import
from suppression.models import Cause, How, Origin, Reason, Removal, Removed, Suppression
from suppression.undo import State, Undo
from tests import make
from tests.suppression.mistakes import OUTAGE, confirmed, listed, preview, put, rows, undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def olga(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "olga"))
    return client


def test_a_mistake_is_seen_taken_off_and_put_back(acme: Account, olga: Client) -> None:
    put(acme, *(f"r{n}@gmail.example" for n in range(3)))
    put(acme, "old@gmail.example", added_at=make.NOON - timedelta(days=9))
    put(acme, "left@gmail.example", reason=Reason.UNSUBSCRIBED)
    before = rows(acme)
    asked = {"reason": "1", "from": "2026-03-10T09:00", "to": "2026-03-10T09:00"}
    page = preview(olga, acme, **asked)
    assert "3 entries would go." in page
    assert page.count(OUTAGE) == 3
    assert "left@" not in page
    assert listed(acme) == [*["left@gmail.example", "old@gmail.example"], *(f"r{n}@gmail.example" for n in range(3))]

    undo(olga, acme, **asked)
    assert listed(acme) == ["left@gmail.example", "old@gmail.example"]
    assert stopped(acme.id, ["r1@gmail.example"]) == {}
    found = Undo.objects.get()
    assert (found.state, found.entries, found.kept, found.note) == (State.DONE, 3, 0, "outage")
    removal = Removal.objects.get()
    assert (removal.how, removal.note, removal.actor_name, removal.entries) == (How.UNDO, "outage", "olga", 3)
    one = olga.get(reverse("suppression-undo-one", args=[acme.slug, found.pk])).content.decode()
    assert "It is done." in one

    olga.post(reverse("suppression-undo-back", args=[acme.slug, found.pk]))
    assert rows(acme) == before
    assert Undo.objects.get().state == State.RETURNED
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor_name")) == [
        ("suppression.undone", "olga"), ("suppression.undo-undone", "olga"),
    ]  # fmt: skip


def test_an_entry_that_something_else_keeps_stays(acme: Account, olga: Client) -> None:
    put(acme, "both@gmail.example", "one@gmail.example")
    put(acme, "both@gmail.example", ident="e2.1", comment="550 No such user", at=make.NOON + timedelta(days=1),
        added_at=make.NOON + timedelta(days=1))  # fmt: skip
    page = preview(olga, acme, text="MX OUTAGE")
    assert "1 entry would go." in page
    assert "1 more stays" in page
    undo(olga, acme, text="mx outage")
    assert listed(acme) == ["both@gmail.example"]
    assert Suppression.objects.get().since == make.NOON + timedelta(days=1)
    found = Undo.objects.get()
    assert (found.entries, found.kept) == (1, 1)
    olga.post(reverse("suppression-undo-back", args=[acme.slug, found.pk]))
    assert Suppression.objects.get(target="both@gmail.example").since == make.NOON
    assert Cause.objects.count() == 3


def imported(account: Account) -> Import:
    """An import of the account, of an hour before noon."""
    at = make.NOON - timedelta(hours=1)
    return Import.objects.create(
        account=account, token=f"t{account.pk}", file_name="list.csv", size=1, created_at=at, started_at=at
    )


def test_it_is_asked_by_source_domain_origin_and_import(acme: Account, olga: Client) -> None:
    source, number = make.source(acme), imported(acme).pk
    put(acme, "a@gmail.example", source_id=source.pk)
    put(acme, "b@yahoo.example", source_id=source.pk + 1)
    put(acme, "c@imported.example", origin=Origin.IMPORT, ident="i7", import_id=number, comment="", note="spring list")
    for asked, address in (
        ({"source": str(source.pk)}, "a@gmail.example"), ({"domain": "@Yahoo.example"}, "b@yahoo.example"),
        ({"import": str(number)}, "c@imported.example"), ({"origin": "4"}, "c@imported.example"),
        ({"text": "spring"}, "c@imported.example"),
    ):  # fmt: skip
        page = preview(olga, acme, **asked)
        assert "1 entry would go." in page
        assert address in page
    undo(olga, acme, **{"import": str(number)})
    assert listed(acme) == ["a@gmail.example", "b@yahoo.example"]


def test_minutes_matter_and_are_the_accounts(acme: Account, olga: Client) -> None:
    for minute in range(3):
        put(acme, f"m{minute}@gmail.example", added_at=make.NOON + timedelta(minutes=minute, seconds=59))
    undo(olga, acme, **{"from": "2026-03-10T09:01", "to": "2026-03-10T09:01"})
    assert listed(acme) == ["m0@gmail.example", "m2@gmail.example"]


def test_only_what_the_preview_counted_goes(acme: Account, olga: Client) -> None:
    put(acme, "before@gmail.example")
    fields = confirmed(preview(olga, acme, reason="1"))
    put(acme, "after@gmail.example")
    olga.post(reverse("suppression-undo", args=[acme.slug]), fields | {"note": "outage"})
    assert listed(acme) == ["after@gmail.example"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "Say at least one thing"),
        ({"domain": "bob@example.com"}, "Give the domain alone"),
        ({"domain": "x y\0"}, "domain"),
        ({"from": "2026-03-10T09:01", "to": "2026-03-10T09:00"}, "must not be before"),
        ({"from": "yesterday"}, "Enter a valid date/time."),
        ({"source": "12345"}, "Select a valid choice."),
        ({"reason": "99"}, "Select a valid choice."),
        ({"import": "9" * 30}, "less than or equal"),
        ({"import": "7"}, "There is no such import here."),
    ],
)
def test_what_cannot_be_asked_is_told_and_nothing_goes(
    acme: Account, olga: Client, asked: dict[str, str], told: str
) -> None:
    put(acme, "a@gmail.example")
    page = olga.get(reverse("suppression-undo", args=[acme.slug]), {"preview": "1"} | asked)
    assert page.status_code == 422
    assert told in page.content.decode()
    assert olga.post(reverse("suppression-undo", args=[acme.slug]), asked | {"note": "x"}).status_code == 422
    assert listed(acme) == ["a@gmail.example"]


def test_it_needs_a_note_and_something_that_matches(acme: Account, olga: Client) -> None:
    put(acme, "a@gmail.example")
    url = reverse("suppression-undo", args=[acme.slug])
    answer = olga.post(url, {"reason": "1"})
    assert (answer.status_code, "This field is required." in answer.content.decode()) == (422, True)
    assert olga.post(url, {"domain": "none.example", "note": "x"}).status_code == 422
    assert not Undo.objects.exists()
    assert listed(acme) == ["a@gmail.example"]


def test_pressed_twice_is_done_once(acme: Account, olga: Client) -> None:
    put(acme, "a@gmail.example")
    fields = confirmed(preview(olga, acme, reason="1")) | {"note": "outage"}
    for _press in range(2):
        olga.post(reverse("suppression-undo", args=[acme.slug]), fields)
    assert Undo.objects.count() == 1


def test_the_list_of_another_account_is_out_of_reach(acme: Account, olga: Client) -> None:
    other = make.account("Other")
    for account in (other, acme, None):
        put(account, "a@gmail.example")
    undo(olga, acme, reason="1")
    assert [listed(account) for account in (other, acme, None)] == [["a@gmail.example"], [], ["a@gmail.example"]]
    client = Client()
    client.force_login(make.member(other))
    found = Undo.objects.get()
    for page in ("suppression-undo-one", "suppression-undo-back", "suppression-undo-stop"):
        url = reverse(page, args=[other.slug, found.pk])
        answer = client.get(url) if page.endswith("one") else client.post(url)
        assert answer.status_code in (404, 302)
    found.refresh_from_db()
    assert found.state == State.DONE
    assert listed(acme) == []


def test_the_installations_list_is_undone_by_those_who_run_it(acme: Account) -> None:
    put(None, "a@gmail.example")
    put(acme, "a@gmail.example")
    client = Client()
    boss = make.member(acme, "boss")
    boss.is_superuser = True
    boss.save()
    client.force_login(boss)
    url = reverse("installation-suppression-undo")
    page = client.get(url, {"preview": "1", "reason": "1"}).content.decode()
    answer = client.post(url, confirmed(" ".join(page.split())) | {"note": "outage"})
    assert answer.status_code == 302
    assert (listed(None), listed(acme)) == ([], ["a@gmail.example"])
    assert "It is done." in client.get(answer["Location"]).content.decode()
    client.post(reverse("installation-suppression-undo-back", args=[Undo.objects.get().pk]))
    assert listed(None) == ["a@gmail.example"]


def many(account: Account, monkeypatch: pytest.MonkeyPatch, n: int = 25) -> None:
    """More than a step takes, at times of which several have several."""
    monkeypatch.setattr(removing, "STEP", 4)
    monkeypatch.setattr(undoing, "LOOK", 7)
    for i in range(n):
        put(account, f"r{i}@gmail.example", added_at=make.NOON + timedelta(minutes=i // 3))
        if i % 5 == 0:
            put(account, f"r{i}@gmail.example", ident="e2.2", comment="550 No", added_at=make.NOON)


def test_a_large_one_goes_on_after_the_request_and_after_a_death(
    acme: Account, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(acme, monkeypatch)
    before = rows(acme)
    undo(olga, acme, text="outage")
    found = Undo.objects.get()
    assert (found.state, found.entries + found.kept <= 4) == (State.REMOVING, True)

    def die(*_args: Any) -> int:
        raise OperationalError

    taken = removing.take_off

    def take_and_die(*args: Any) -> int:
        taken(*args)
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(removing, "take_off", take_and_die)
        with pytest.raises(OperationalError):
            undoing.work()
    assert Removed.objects.count() == found.entries + found.kept
    undoing.work()
    found.refresh_from_db()
    assert (found.state, found.entries, found.kept) == (State.DONE, 20, 5)
    assert listed(acme) == sorted(f"r{i}@gmail.example" for i in range(0, 25, 5))
    olga.post(reverse("suppression-undo-back", args=[acme.slug, found.pk]))
    with monkeypatch.context() as patch:
        patch.setattr(removing, "restore", die)
        with pytest.raises(OperationalError):
            undoing.work()
    undoing.work()
    assert rows(acme) == before
    found.refresh_from_db()
    assert (found.state, found.returned) == (State.RETURNED, 25)


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_connection_is_cut_leaves_nothing_half_done(
    acme: Account, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(acme, monkeypatch)
    before = rows(acme)
    undo(olga, acme, text="outage")
    found, left = Undo.objects.get(), len(listed(acme))

    def cut(step: Any) -> Any:
        def inside(*args: Any) -> None:
            step(*args)
            with connection.cursor() as cursor:
                cursor.execute("select pg_terminate_backend(pg_backend_pid())")

        return inside

    for name in ("take_off", "restore"):
        with monkeypatch.context() as patch:
            patch.setattr(removing, name, cut(getattr(removing, name)))
            with pytest.raises(OperationalError):
                undoing.work()
        connection.close()
        assert len(listed(acme)) == left
        undoing.work()
        if name == "take_off":
            assert listed(acme) == sorted(f"r{i}@gmail.example" for i in range(0, 25, 5))
            olga.post(reverse("suppression-undo-back", args=[acme.slug, found.pk]))
            left = len(listed(acme))
    assert rows(acme) == before


def test_one_that_is_stopped_takes_no_more_off_and_can_be_put_back(
    acme: Account, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(acme, monkeypatch)
    before = rows(acme)
    undo(olga, acme, text="outage")
    found = Undo.objects.get()
    left = len(listed(acme))
    olga.post(reverse("suppression-undo-stop", args=[acme.slug, found.pk]))
    assert undoing.work() == 0
    assert len(listed(acme)) == left
    olga.post(reverse("suppression-undo-back", args=[acme.slug, found.pk]))
    undoing.work()
    assert rows(acme) == before


def test_one_that_breaks_says_so_and_the_others_go_on(
    acme: Account, olga: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(acme, monkeypatch)
    undo(olga, acme, text="outage")

    def broken(*_args: Any) -> int:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(removing, "take_off", broken)
        undoing.work()
    found = Undo.objects.get()
    assert (found.state, found.problem) == (State.STOPPED, undoing.FAILED)
    page = olga.get(reverse("suppression-undo-one", args=[acme.slug, found.pk])).content.decode()
    assert "It failed for a reason nobody expected." in page
    assert undoing.work() == 0


def test_a_preview_costs_the_same_however_many_match(acme: Account, olga: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            preview(olga, acme, reason="1")
        return len(queries)

    put(acme, "a@gmail.example")
    preview(olga, acme, reason="1")
    few = asked()
    put(acme, *(f"r{n}@d{n % 30}.example" for n in range(100)))
    assert asked() == few
    page = preview(olga, acme, reason="1")
    assert "101 entries would go." in page
    assert "all others" in page
    assert page.count("undo-evidence") == matching.SAMPLE


def test_a_link_fills_the_form_in_and_shows_what_would_go(acme: Account, olga: Client) -> None:
    number = imported(acme).pk
    put(acme, "a@a.example", import_id=number, origin=Origin.IMPORT, ident="i7")
    url = reverse("suppression-undo", args=[acme.slug])
    assert "entries would go" not in olga.get(url, {"note": "x"}).content.decode()
    asked: dict[str, Any] = {"import": number, "reason": ["1", "2"], "from": "2026-03-10T09:00"}
    page = olga.get(url, asked | {"domain": "a.example"})
    form = page.content.decode()
    assert f'name="import" value="{number}"' in form
    assert form.count(" checked") == 2
    assert 'value="2026-03-10T09:00"' in form
    assert "1 entry would go." in form
    assert not Undo.objects.exists()

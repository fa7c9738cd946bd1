"""Exports made in the background: how they are made, whatever happens meanwhile, and what is told of them."""

from __future__ import annotations

import errno
import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import disk
from accounts.models import Account, Role
from feeds import export as export_module
from feeds.events import Kind
from feeds.exports import files, orders, work
from feeds.exports.models import Export, State
from feeds.layouts import Layout
from feeds.lifecycle import record
from feeds.models import Email
from tests import make
from tests.exporting import CHOSEN, body, fetch, fill, made, order, rows, text
from webhooks.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EXPORTS_FOLDER = tmp_path / "exports"
    return tmp_path / "exports"


@pytest.fixture
def acme() -> Account:
    return make.account()


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


# ---- Making -----------------------------------------------------------------------------------------------


def test_it_holds_exactly_the_filter_newest_first(client: Client, acme: Account, src: Source, folder: Path) -> None:
    fill(src, 5)
    fill(make.source(make.account()), 2)
    export = made(order(client, acme, "-to:p3@example.com"))
    assert (export.state, export.emails, export.taken, export.gone, export.percent) == (State.DONE, 4, 4, 0, 100)
    data = body(fetch(client, export))
    assert [row["recipient"] for row in rows(data)] == [f"p{n}@example.com" for n in (0, 1, 2, 4)]
    assert len(data) == export.size
    assert [path.name for path in folder.iterdir()] == [f"{export.token}.data"]
    assert (folder.stat().st_mode & 0o777, files.path_of(export).stat().st_mode & 0o777) == (0o700, 0o600)


def test_in_small_steps_it_is_the_same_file_as_the_stream(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 3)
    fill(src, 10)
    fill(src, 10, Kind.OPENED)
    for fields in (
        {"bom": "1"}, {"format": "ndjson"}, {"columns": "netcore"}, {"gzip": "1"}, {"format": "ndjson", "gzip": "1"}
    ):  # fmt: skip
        export = made(order(client, acme, "", **fields))
        ours = body(fetch(client, export))
        params = dict(export.layout.params())
        stream = body(client.get(f"/a/{acme.slug}/feed.{export.layout.ending}", params))
        assert (export.emails, export.gone) == (10, 0)
        if "gzip" in fields:
            ours, stream = gzip.decompress(ours), gzip.decompress(stream)
        assert ours == stream


@pytest.mark.parametrize("fields", [{}, {"format": "ndjson"}, {"gzip": "1"}, {"format": "ndjson", "gzip": "1"}])
def test_of_nothing_found_there_is_a_file_too(client: Client, acme: Account, fields: dict[str, str]) -> None:
    export = made(order(client, acme, **fields))
    assert (export.state, export.emails) == (State.DONE, 0)
    data = body(fetch(client, export))
    plain = gzip.decompress(data) if "gzip" in fields else data
    assert plain == (b"" if "format" in fields else b"status,recipient\n")


def test_which_emails_are_in_it_is_settled_at_the_start(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 4)
    fill(src, 10)
    export = made(order(client, acme, "status:delivered"), seconds=0.001)
    assert (export.state, export.emails, export.taken) == (State.RUNNING, 10, 4)
    # One email changes, so that the filter does not hold for it any more; one comes; one is removed for its age.
    record([make.arrival(src, make.event(Kind.OPENED, "p7@example.com", message_id="m7"))])
    fill(make.source(acme), 1)
    Email.objects.filter(recipient="p9@example.com").delete()
    made(export)
    found = [(row["recipient"], row["status"]) for row in rows(body(fetch(client, export)))]
    assert [recipient for recipient, _status in found] == [f"p{n}@example.com" for n in range(9)]
    assert dict(found)["p7@example.com"] == "opened"
    assert export.gone == 1
    assert "1 more was found at first and was removed for its age" in text(client.get(f"/a/{acme.slug}/exports/"))


def test_what_a_killed_worker_wrote_beyond_what_is_recorded_is_cut(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 4)
    fill(src, 10)
    export = made(order(client, acme), seconds=0.001)
    with files.path_of(export).open("ab") as file:
        file.write(b"half a line")
    made(export)
    assert [row["recipient"] for row in rows(body(fetch(client, export)))] == [f"p{n}@example.com" for n in range(10)]


def test_two_workers_never_write_one_file(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 2)
    fill(src, 4)
    export = order(client, acme)
    claimed = work.claim(timezone.now())
    assert claimed
    with claimed[1]:
        assert work.claim(timezone.now()) is None
        assert made(export).taken == 0
    assert made(export).state == State.DONE


def test_a_small_one_is_not_kept_waiting_by_a_large_one(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 1)
    monkeypatch.setattr(work, "SECONDS_EACH", 0)
    fill(src, 10)
    large, small = order(client, acme), order(client, acme, "to:p1@example.com")
    while made(small, 0.001).state != State.DONE:
        large.refresh_from_db()
        assert large.taken <= 2


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "full"), "too little room left on the disk"),
        (OSError(errno.EIO, "broken"), "Ask an administrator to look at the folder"),
        (ValueError("a defect"), "for a reason nobody expected"),
    ],
)
def test_what_ends_it_is_said_in_a_sentence(
    client: Client, acme: Account, src: Source, folder: Path, monkeypatch: pytest.MonkeyPatch,
    error: Exception, sentence: str,
) -> None:  # fmt: skip
    fill(src, 3)
    export = order(client, acme)

    def on_disk(_file: object) -> None:
        raise error

    monkeypatch.setattr(files, "on_disk", on_disk)
    if isinstance(error, ValueError):
        with pytest.raises(ValueError, match="a defect"):
            work.work(60)
    else:
        work.work(60)
    export.refresh_from_db()
    assert export.state == State.FAILED
    assert sentence in text(client.get(f"/a/{acme.slug}/exports/"))
    assert not list(folder.iterdir())
    assert fetch(client, export).status_code == 404


def test_it_stops_before_the_disk_is_full(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(src, 3)
    export = order(client, acme)
    monkeypatch.setattr(disk, "LEAST_FREE", 1 << 62)
    assert made(export).state == State.FAILED
    assert "too little room" in export.error


def test_a_filter_nobody_understands_any_more_fails_with_its_sentence(client: Client, acme: Account) -> None:
    export = order(client, acme)
    Export.objects.update(query="stats:lost")
    assert made(export).state == State.FAILED
    assert "stats" in export.error


def test_a_search_that_takes_too_long_fails_with_a_sentence(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object) -> Any:
        from psycopg import sql

        return sql.SQL("(select pg_sleep(60)) is not null")

    fill(src, 1)
    export = order(client, acme)
    monkeypatch.setattr(work, "SECONDS_TO_COUNT", 1)
    monkeypatch.setattr(export_module, "matching", never)
    assert made(export).state == State.FAILED
    assert "took too long" in export.error


def test_a_worker_that_dies_at_the_same_place_again_and_again_is_given_up(
    client: Client, acme: Account, src: Source
) -> None:
    fill(src, 1)
    export = order(client, acme)
    Export.objects.update(tries=work.MOST_TRIES)
    assert made(export).state == State.FAILED
    assert "ten times" in export.error


def test_a_file_that_is_gone_is_not_gone_on_with(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STEP", 1)
    fill(src, 3)
    export = made(order(client, acme), 0.001)
    assert export.size
    files.path_of(export).unlink()
    assert made(export).state == State.FAILED
    assert "Export it again" in export.error


def test_the_number_of_statements_does_not_grow_with_the_emails(
    client: Client, acme: Account, src: Source, django_assert_max_num_queries: Any
) -> None:
    fill(src, 300)
    export = order(client, acme)
    with django_assert_max_num_queries(20):
        work.work(60)
    export.refresh_from_db()
    assert export.state == State.DONE


# ---- Cancelling, deleting, expiring -----------------------------------------------------------------------


def started(client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch) -> Export:
    monkeypatch.setattr(work, "STEP", 1)
    fill(src, 3)
    return made(order(client, acme), 0.001)


def test_cancelled_it_stops_and_leaves_nothing(
    client: Client, acme: Account, src: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = started(client, acme, src, monkeypatch)
    claimed = work.claim(timezone.now())
    assert claimed
    response = client.post(f"/a/{acme.slug}/exports/{export.pk}/cancel/", follow=True)
    assert "The export was cancelled." in text(response)
    # The worker that is at it notices with its next step.
    with claimed[1]:
        work._go_on(*claimed, 1e12)
    assert made(export).state == State.CANCELLED
    assert not list(folder.iterdir())
    response = client.post(f"/a/{acme.slug}/exports/{export.pk}/cancel/", follow=True)
    assert "over already" in text(response)


def test_deleted_it_is_gone(
    client: Client, acme: Account, src: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = started(client, acme, src, monkeypatch)
    assert client.post(f"/a/{acme.slug}/exports/{export.pk}/delete/").status_code == 302
    assert not Export.objects.exists()
    assert not list(folder.iterdir())
    assert client.get(f"/a/{acme.slug}/exports/{export.pk}/file/").status_code == 404


def test_only_who_made_it_or_an_administrator_may(client: Client, acme: Account, src: Source) -> None:
    export = made(order(client, acme))
    other, boss = Client(), Client()
    other.force_login(make.member(acme, "otto", Role.MEMBER))
    boss.force_login(make.member(acme, "boss", Role.ADMIN))
    page = text(other.get(f"/a/{acme.slug}/exports/"))
    assert "vera" in page
    assert f"/exports/{export.pk}/delete/" not in page
    for action in ("cancel", "delete"):
        assert other.post(f"/a/{acme.slug}/exports/{export.pk}/{action}/").status_code == 403
        assert other.get(f"/a/{acme.slug}/exports/{export.pk}/{action}/").status_code == 405
    assert fetch(other, export).status_code == 200
    assert boss.post(f"/a/{acme.slug}/exports/{export.pk}/delete/").status_code == 302


def test_another_accounts_export_is_not_there(client: Client, acme: Account, src: Source) -> None:
    export = made(order(client, acme))
    other = make.account()
    stranger = Client()
    stranger.force_login(make.member(other))
    for slug in (acme.slug, other.slug):
        for path in ("", "file/"):
            assert stranger.get(f"/a/{slug}/exports/{export.pk}/{path}").status_code == 404
        for path in ("cancel/", "delete/"):
            assert stranger.post(f"/a/{slug}/exports/{export.pk}/{path}").status_code == 404
    assert stranger.get(f"/a/{other.slug}/exports/{2**63}/file/").status_code == 404
    assert text(stranger.get(f"/a/{other.slug}/exports/")).count("export-") == 0


def test_after_some_days_the_file_goes_and_later_the_memory_of_it(
    client: Client, acme: Account, src: Source, folder: Path
) -> None:
    export = made(order(client, acme))
    (folder / "stray.data").touch()
    now = timezone.now()
    orders.clear_up(now + timedelta(days=6))
    assert [path.stem for path in folder.iterdir()] == [export.token]
    orders.clear_up(now + timedelta(days=8))
    assert not list(folder.iterdir())
    assert "Expired" in text(client.get(f"/a/{acme.slug}/exports/"))
    assert "kept for some days" in text(fetch(client, export))
    orders.clear_up(now + timedelta(days=91))
    assert not Export.objects.exists()


def test_an_account_has_only_so_many_under_way(client: Client, acme: Account) -> None:
    for _time in range(orders.MOST_UNDER_WAY):
        order(client, acme)
    response = client.post(f"/a/{acme.slug}/download/", CHOSEN, follow=True)
    assert "10 exports are under way in this account" in text(response)
    assert Export.objects.count() == orders.MOST_UNDER_WAY


# ---- The list ---------------------------------------------------------------------------------------------


def test_the_list_tells_how_far_it_is_and_asks_again_only_meanwhile(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = order(client, acme, "status:delivered")
    assert "It begins when a worker is free." in text(client.get(f"/a/{acme.slug}/exports/"))
    now = timezone.now()
    Export.objects.update(
        state=State.RUNNING, emails=4_000_000, taken=1_000_000, counted_at=now - timedelta(minutes=1), started_at=now
    )
    page = text(client.get(f"/a/{acme.slug}/exports/"))
    assert "1,000,000 of 4,000,000 emails, 25 %" in page
    assert "about 3 minutes left" in page
    assert 'hx-trigger="every 2s"' in page
    assert "How far are they?" in page
    row = text(client.get(f"/a/{acme.slug}/exports/{export.pk}/", headers={"HX-Request": "true"}))
    assert row.startswith(f'<tr id="export-{export.pk}"')
    assert client.get(f"/a/{acme.slug}/exports/{export.pk}/")["Location"] == f"/a/{acme.slug}/exports/"
    Export.objects.update(state=State.CANCELLED)
    assert "hx-trigger" not in text(client.get(f"/a/{acme.slug}/exports/"))


def test_the_list_goes_on_where_it_ended(client: Client, acme: Account, django_assert_max_num_queries: Any) -> None:
    person = acme.members.get()
    for _n in range(60):
        orders.place(acme, person, "", Layout(), timezone.now())
    with django_assert_max_num_queries(10):
        first = client.get(f"/a/{acme.slug}/exports/")
    assert len(first.context["exports"]) == 50
    second = client.get(f"/a/{acme.slug}/exports/?before={first.context['older']}")
    assert len(second.context["exports"]) == 10
    assert client.get(f"/a/{acme.slug}/exports/?before=x").status_code == 200

"""The page where one chooses how to take emails away, and the stream, at the door."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import streaming
from accounts.models import Account, Role
from feeds.columns import BY_NAME, STANDARD
from feeds.exports.models import Export
from feeds.lifecycle import record
from feeds.views import downloads
from tests import make
from webhooks.models import Source

pytestmark = pytest.mark.django_db
CHOSEN = {"format": "csv", "columns": "own", "column": ["recipient", "opens"], "order": ["opens", "recipient"]}


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def client(acme: Account) -> Client:
    client = Client()
    client.force_login(make.member(acme, "vera", Role.VIEWER))
    return client


@pytest.fixture
def src(acme: Account) -> Source:
    source = make.source(acme)
    now = timezone.now()
    events = [make.event(recipient=f"{name}@example.com", message_id=name, occurred_at=now) for name in ("ann", "ben")]
    record([make.arrival(source, *events, received_at=now)])
    return source


def content(response: Any) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_what_is_chosen_leads_to_a_file_of_it(client: Client, acme: Account, src: Source) -> None:
    page = client.get(f"/a/{acme.slug}/download/?q=to:ann")
    assert "It is 1 email now." in text(page)
    assert "Make it in the background" in text(page)
    response = client.post(f"/a/{acme.slug}/download/?q=to:ann", CHOSEN | {"how": "now", "bom": "1"})
    assert response.status_code == 303
    assert response["Location"] == f"/a/{acme.slug}/feed.csv?q=to%3Aann&columns=opens%2Crecipient&bom=1"
    file = client.get(response["Location"])
    assert file["Content-Disposition"].endswith('.csv"')
    assert content(file) == b"\xef\xbb\xbfopens,recipient\n0,ann@example.com\n"


def test_for_very_many_the_background_is_advised(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "the background is the better way" not in text(client.get(f"/a/{acme.slug}/download/"))
    monkeypatch.setattr(downloads, "MANY", 2)
    assert "the background is the better way" in text(client.get(f"/a/{acme.slug}/download/"))


def test_it_is_remembered_for_this_person_alone(client: Client, acme: Account) -> None:
    other = Client()
    other.force_login(make.member(acme, "otto"))
    client.post(f"/a/{acme.slug}/download/", CHOSEN | {"format": "ndjson", "gzip": "1", "how": "now"})
    form = client.get(f"/a/{acme.slug}/download/").context["form"]
    assert (form.format, form.gzip, form.bom) == ("ndjson", True, False)
    assert form.layout.columns == ("opens", "recipient")
    assert form.order[:3] == ("opens", "recipient", "time")
    assert other.get(f"/a/{acme.slug}/download/").context["form"].layout.columns == STANDARD


def test_columns_are_moved_without_scripts(client: Client, acme: Account) -> None:
    order = list(BY_NAME)
    sent = CHOSEN | {"order": order, "column": ["status", "time"], "move": "up:status"}
    response = client.post(f"/a/{acme.slug}/download/", sent)
    assert response.status_code == 200
    form = response.context["form"]
    assert form.order[:3] == ("status", "time", "bounce")
    assert form.layout.columns == ("status", "time")
    for nonsense in ("up:status", "down:time", "sideways:time", "up:nothing", "up"):
        again = client.post(f"/a/{acme.slug}/download/", sent | {"order": ["status", "time"], "move": nonsense})
        assert sorted(again.context["form"].order) == sorted(order)


def test_at_least_one_column_is_asked_for(client: Client, acme: Account) -> None:
    response = client.post(f"/a/{acme.slug}/download/", CHOSEN | {"column": ["nothing"], "how": "now"})
    assert response.status_code == 422
    assert "Tick at least one column." in text(response)
    # The provider's columns need none.
    response = client.post(f"/a/{acme.slug}/download/", {"columns": "netcore", "format": "csv", "how": "now"})
    assert response["Location"].endswith("/feed.csv?columns=netcore")


@pytest.mark.parametrize("ending", ["csv", "ndjson", "csv.gz", "ndjson.gz"])
def test_every_ending_is_a_format(client: Client, acme: Account, src: Source, ending: str) -> None:
    response = client.get(f"/a/{acme.slug}/feed.{ending}?q=ann&columns=recipient,tags")
    assert response["Content-Disposition"].endswith(f'.{ending}"')
    assert response["Cache-Control"] == "no-store"
    data = content(response)
    if ending.endswith(".gz"):
        assert response["Content-Type"] == "application/gzip"
        data = gzip.decompress(data)
    if ending.startswith("csv"):
        (row,) = csv.DictReader(io.StringIO(data.decode()))
    else:
        row = json.loads(data)
    assert row["recipient"] == "ann@example.com"


def test_an_address_that_asks_for_nonsense_is_told_what_there_is(client: Client, acme: Account) -> None:
    assert client.get(f"/a/{acme.slug}/feed.xlsx").status_code == 404
    assert client.get(f"/a/{acme.slug}/feed.csv.zip").status_code == 404
    for columns in ("recipient,nothing", "recipient,recipient", ","):
        response = client.get(f"/a/{acme.slug}/feed.csv?columns={columns}")
        assert response.status_code == 400
        assert response["Content-Type"].startswith("text/plain")
    assert "Columns are: time, status," in text(client.get(f"/a/{acme.slug}/feed.csv?columns=nothing"))


def test_without_a_choice_programs_find_the_columns_they_know(client: Client, acme: Account, src: Source) -> None:
    client.post(f"/a/{acme.slug}/download/", CHOSEN | {"how": "now"})
    first = content(client.get(f"/a/{acme.slug}/feed.csv")).decode().splitlines()[0]
    assert first == (
        "time,status,bounce,recipient,sender,subject,comment,opens,clicks,machine_opens,machine_clicks,"
        "message_id,argument,id"
    )


def test_asking_for_the_headers_alone_reads_nothing(client: Client, acme: Account, src: Source) -> None:
    response = client.head(f"/a/{acme.slug}/feed.csv")
    assert not response.streaming
    assert response["Content-Disposition"].startswith("attachment")


def test_an_unclear_filter_leads_to_the_page_that_explains(client: Client, acme: Account) -> None:
    for path in ("feed.csv", "feed.ndjson", "download/"):
        response = client.get(f"/a/{acme.slug}/{path}?q=status:lost")
        assert response["Location"] == f"/a/{acme.slug}/?q=status%3Alost"


def test_when_too_many_are_under_way_the_background_is_offered(
    client: Client, acme: Account, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoPlace:
        def acquire(self, *, blocking: bool) -> bool:
            return False

    monkeypatch.setattr(streaming, "_places", NoPlace())
    response = client.get(f"/a/{acme.slug}/feed.ndjson?q=ann&columns=recipient")
    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert f'action="/a/{acme.slug}/download/?q=ann"' in text(response)
    assert response.context["form"].layout.columns == ("recipient",)


def test_in_the_background_it_becomes_an_export(client: Client, acme: Account, src: Source) -> None:
    response = client.post(f"/a/{acme.slug}/download/?q=ann", CHOSEN | {"how": "background"}, follow=True)
    assert response.redirect_chain == [(f"/a/{acme.slug}/exports/", 303)]
    assert "goes on without it" in text(response)
    export = Export.objects.get()
    assert (export.query, export.columns, export.made_by and export.made_by.username) == (
        "ann", ["opens", "recipient"], "vera"
    )  # fmt: skip


def test_a_stranger_sees_nothing(acme: Account, src: Source) -> None:
    stranger = Client()
    stranger.force_login(make.member(make.account("Other")))
    for path in ("feed.csv", "feed.ndjson.gz", "download/", "exports/", "views/", "views/new/"):
        assert stranger.get(f"/a/{acme.slug}/{path}").status_code == 404
    assert stranger.post(f"/a/{acme.slug}/download/", CHOSEN | {"how": "background"}).status_code == 404
    assert Client().get(f"/a/{acme.slug}/exports/").status_code == 302

"""Fetching the file of an export, whole and in parts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import AsyncRequestFactory, Client

from accounts.models import Account, Role
from feeds.exports import files, serving
from feeds.exports.models import Export
from tests import make
from tests.exporting import body, fetch, fill, made, order, text
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


@pytest.fixture
def done(client: Client, acme: Account, src: Source) -> Export:
    fill(src, 50)
    return made(order(client, acme))


def test_a_download_goes_on_where_it_broke_off(client: Client, done: Export) -> None:
    whole = fetch(client, done)
    assert (whole["Accept-Ranges"], whole["Cache-Control"]) == ("bytes", "no-store")
    assert whole["Content-Disposition"] == f'attachment; filename="{done.file_name}"'
    data = body(whole)
    assert int(whole["Content-Length"]) == len(data) == done.size
    for asked, first, end in (
        ("bytes=100-", 100, len(data)), ("bytes=0-0", 0, 1), ("bytes=5-99999999", 5, len(data)),
        ("bytes=-7", len(data) - 7, len(data)), ("bytes=-99999999", 0, len(data)), ("bytes=10-19", 10, 20),
    ):  # fmt: skip
        part = fetch(client, done, range=asked)
        assert part.status_code == 206
        assert part["Content-Range"] == f"bytes {first}-{end - 1}/{len(data)}"
        assert int(part["Content-Length"]) == end - first
        assert part["Content-Type"] == "text/csv; charset=utf-8"
        assert body(part) == data[first:end]


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", "bytes=99999999-999999999"])
def test_a_range_outside_of_it_is_refused(client: Client, done: Export, asked: str) -> None:
    response = fetch(client, done, range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{done.size}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-3", "lines=0-5", "bytes=-", "bytes=a-b", "bytes 0-5", ""])
def test_what_is_no_single_range_gives_all_of_it(client: Client, done: Export, asked: str) -> None:
    response = fetch(client, done, range=asked)
    assert response.status_code == 200
    assert len(body(response)) == done.size


def test_it_goes_on_only_with_the_same_file(client: Client, done: Export) -> None:
    whole = fetch(client, done)
    body(whole)
    for condition in (whole["ETag"], whole["Last-Modified"]):
        assert fetch(client, done, range="bytes=9-", **{"if-range": condition}).status_code == 206
    for condition in ('"another"', f"W/{whole['ETag']}", "Tue, 01 Jan 2019 00:00:00 GMT", "nonsense"):
        response = fetch(client, done, range="bytes=9-", **{"if-range": condition})
        assert response.status_code == 200
        assert len(body(response)) == done.size
    assert fetch(client, done, **{"if-none-match": whole["ETag"]}).status_code == 304
    assert fetch(client, done, **{"if-match": '"another"'}).status_code == 412


def test_the_headers_alone_are_those_of_the_whole(client: Client, done: Export) -> None:
    response = client.head(f"/a/{done.account.slug}/exports/{done.pk}/file/", headers={"range": "bytes=5-"})
    assert (response.status_code, int(response["Content-Length"])) == (200, done.size)
    assert response["ETag"]
    assert not response.content


def test_an_asynchronous_server_gets_it_piece_by_piece(
    client: Client, done: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PIECE", 100)
    whole = body(fetch(client, done))
    response = serving.answer(AsyncRequestFactory().get("/", headers={"range": "bytes=50-"}), done)
    assert isinstance(response, StreamingHttpResponse)
    # Otherwise Django reads all of it into memory before it sends the first byte.
    assert response.is_async

    async def read() -> list[bytes]:
        return [piece async for piece in response]

    pieces = asyncio.run(read())
    assert b"".join(pieces) == whole[50:]
    assert max(map(len, pieces)) == 100


def test_whoever_reads_it_while_it_is_deleted_reads_on(client: Client, done: Export) -> None:
    response = fetch(client, done)
    client.post(f"/a/{done.account.slug}/exports/{done.pk}/delete/")
    assert len(body(response)) == done.size


def test_a_file_somebody_removed_is_said_to_be_gone(client: Client, done: Export) -> None:
    files.path_of(done).unlink()
    response = fetch(client, done)
    assert response.status_code == 404
    assert "Export it again" in text(response)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.django_db(transaction=True)
def test_no_file_stays_open(client: Client, done: Export) -> None:
    def each() -> None:
        response = fetch(client, done)
        body(response)
        response.close()
        for headers in ({"range": "bytes=99999999-"}, {"if-none-match": "*"}):
            fetch(client, done, **headers)
        fetch(client, done).close()

    each()
    before = open_files()
    for _time in range(5):
        each()
    assert open_files() <= before

"""The download as an asynchronous server sends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.asgi import get_asgi_application
from django.db import DatabaseError, connection
from django.http import StreamingHttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory

from accounts import streaming
from accounts.access import Access, enter
from feeds.export import Download
from feeds.layouts import Layout
from feeds.models import id_at
from feeds.query import Filter
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 40_000
STORE = """
insert into feeds_email (id, recipient_id, first_at, last_at, updated_at, account_id, source_id, opens, clicks,
    machine_opens, machine_clicks, deferrals, status, bounce, is_test, sender, recipient, message_id, subject, argument,
    code, comment, tags)
select %s + n, 1, now(), now(), now(), %s, 1, 0, 0, 0, 0, 0, 2, 0, false, '', 'bob@example.com', n, %s, '', '', '', '{}'
from generate_series(1, %s) n
"""


@pytest.fixture
def access() -> Access:
    """Somebody in an account with a file of 12 MB: more than is read ahead, and than a socket holds."""
    account = make.account()
    with connection.cursor() as cursor:
        cursor.execute(STORE, [id_at(NOON), account.id, "s" * 250, ROWS])
    return enter(make.member(account), account.slug)


@pytest.fixture
def download(access: Access) -> Download:
    return Download.of(access.account, Filter(), Layout(), NOON + timedelta(hours=1))


def content(download: Download, *, asynchronous: bool = True) -> StreamingHttpResponse:
    request = (AsyncRequestFactory() if asynchronous else RequestFactory()).get("/")
    return StreamingHttpResponse(streaming.content(request, download.file))


def others(condition: str = "true") -> int:
    """How many connections there are beside the one that asks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            f" and {condition}"
        )
        (found,) = cursor.fetchone()
    return int(found)


def copies() -> int:
    """How many COPYs the database is at; for a thread that has no connection yet."""
    try:
        return others("state = 'active' and query like 'copy (%'")
    finally:
        connection.close()


def until_nothing_is_left() -> bool:
    deadline = time.monotonic() + 10
    while others() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not others()


def until_no_copy_is_left() -> None:
    deadline = time.monotonic() + 10
    while copies() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_all_of_it_arrives_in_pieces(download: Download) -> None:
    async def read() -> list[bytes]:
        response = content(download)
        pieces = [piece async for piece in response]
        response.close()
        return pieces

    pieces = asyncio.run(read())

    assert b"".join(pieces).count(b"\n") == ROWS + 1
    assert max(map(len, pieces)) < 2 * streaming.PIECE
    assert b"".join(pieces) == b"".join(content(download, asynchronous=False))
    assert until_nothing_is_left()


def test_it_is_read_only_a_little_ahead_of_a_slow_reader_and_ends_when_they_leave(download: Download) -> None:
    async def leave() -> tuple[bytes, int]:
        response = content(download)
        first = await anext(aiter(response))
        busy = await asyncio.to_thread(copies)
        await asyncio.to_thread(response.close)
        return first, busy

    first, busy = asyncio.run(leave())

    assert first.startswith(b"time,status,")
    assert busy == 1
    assert until_nothing_is_left()


def test_a_download_nobody_begins_to_read_asks_nothing_of_the_database(download: Download) -> None:
    response = content(download)
    response.close()

    assert until_nothing_is_left()


def test_only_so_many_at_once_and_places_are_given_back(download: Download) -> None:
    taken = [content(download) for _ in range(streaming.MOST_AT_ONCE)]
    with pytest.raises(streaming.Busy):
        content(download)
    taken.pop().close()
    for response in [*taken, content(download, asynchronous=False)]:
        response.close()
    assert until_nothing_is_left()
    forgotten = content(download, asynchronous=False)
    del forgotten
    again = [content(download) for _ in range(streaming.MOST_AT_ONCE)]
    for response in again:
        response.close()
    assert until_nothing_is_left()


def test_a_reader_that_takes_nothing_for_long_is_given_up(download: Download, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SECONDS_TO_STALL", 0.2)

    async def stall() -> None:
        reading = aiter(content(download))
        await anext(reading)
        await asyncio.to_thread(until_no_copy_is_left)
        with pytest.raises((DatabaseError, RuntimeError)):
            await read_on(reading)

    async def read_on(reading: AsyncIterator[bytes]) -> None:
        async for _piece in reading:
            pass

    asyncio.run(asyncio.wait_for(stall(), 10))
    assert until_nothing_is_left()


def test_the_connection_of_the_view_is_given_back_before_the_file_is_sent(access: Access) -> None:
    client = Client()
    client.force_login(access.membership.user)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    path = f"/a/{access.account.slug}/feed.csv"
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"cookie", cookie), (b"host", b"localhost")], "scheme": "http",
        "server": ("localhost", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    used: list[int] = []

    coming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop()

    async def send(message: dict[str, Any]) -> None:
        if message.get("body") and not used:
            used.append(await asyncio.to_thread(counted))

    asyncio.run(asyncio.wait_for(get_asgi_application()(scope, receive, send), 30))  # type: ignore[arg-type]
    assert used == [2]  # the download's, and this test's own
    assert until_nothing_is_left()


def counted() -> int:
    """How many connections there are; for a thread that has none yet."""
    try:
        return others()
    finally:
        connection.close()

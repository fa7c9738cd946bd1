"""The download as an asynchronous server sends it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from accounts.access import Access, enter
from feeds import export
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


def content(access: Access, *, asynchronous: bool = True) -> StreamingHttpResponse:
    request = (AsyncRequestFactory() if asynchronous else RequestFactory()).get("/")
    return StreamingHttpResponse(export.content(request, access, Filter(), NOON + timedelta(hours=1)))


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


def test_all_of_it_arrives_in_pieces(access: Access) -> None:
    async def read() -> list[bytes]:
        response = content(access)
        pieces = [piece async for piece in response]
        response.close()
        return pieces

    pieces = asyncio.run(read())

    assert b"".join(pieces).count(b"\n") == ROWS + 1
    assert max(map(len, pieces)) < 2 * export.PIECE
    assert b"".join(pieces) == b"".join(content(access, asynchronous=False))
    assert until_nothing_is_left()


def test_it_is_read_only_a_little_ahead_of_a_slow_reader_and_ends_when_they_leave(access: Access) -> None:
    async def leave() -> tuple[bytes, int]:
        response = content(access)
        first = await anext(aiter(response))
        busy = await asyncio.to_thread(copies)
        await asyncio.to_thread(response.close)
        return first, busy

    first, busy = asyncio.run(leave())

    assert first.startswith(b"time,status,")
    assert busy == 1
    assert until_nothing_is_left()


def test_a_download_nobody_begins_to_read_asks_nothing_of_the_database(access: Access) -> None:
    response = content(access)
    response.close()

    assert until_nothing_is_left()

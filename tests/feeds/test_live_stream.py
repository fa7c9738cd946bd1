"""The stream of the live feed, from the door: what is new in a filter, and nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Membership
from feeds import hub, live, looks, viewers
from feeds.events import Kind
from feeds.lifecycle import record
from feeds.views import live as views
from tests import make
from tests.asgi import Served
from tests.feeds.streams import Stream, Told, id_of
from tests.site import wait_until
from webhooks.models import Source

pytestmark = pytest.mark.django_db(transaction=True)
type Watch = Callable[..., Stream]


@pytest.fixture
def acme() -> Account:
    return make.account(time_zone="America/Sao_Paulo")


@pytest.fixture
def src(acme: Account) -> Source:
    return make.source(acme)


@pytest.fixture
def vera(acme: Account) -> str:
    """The session of a member."""
    client = Client()
    client.force_login(make.member(acme, "vera"))
    return client.cookies["sessionid"].value


@pytest.fixture
def watch(live_server: Served, acme: Account, vera: str) -> Watch:
    """Watches a filter from now on, or from a cursor."""

    def begin(q: str = "", last: str = "", cursor: str = "", session: str = vera) -> Stream:
        params = urlencode({"q": q, **({"cursor": cursor} if cursor else {})})
        stream = Stream(live_server.port, f"/a/{acme.slug}/stream/?{params}", session, last)
        if stream.status == 200 and not (last or cursor):
            # From here on it is known that the cursor was taken.
            stream.response.readline()
        return stream

    return begin


def happen(source: Source, *kinds: Kind, to: str = "bob@example.com", ago: float = 60, **fields: Any) -> None:
    at = timezone.now() - timedelta(seconds=ago)
    told = {"message_id": f"m-{to}", "occurred_at": at, **fields}
    record([make.arrival(source, *(make.event(kind, to, **told) for kind in kinds), received_at=timezone.now())])


def recipients(told: Told) -> list[str]:
    return sorted(html.split('class="row-link"')[1].split(">")[1].split("<")[0] for html in told.data["rows"])


def test_what_happens_comes_as_the_row_of_the_page(watch: Watch, src: Source, acme: Account, vera: str) -> None:
    with watch() as stream:
        happen(src, Kind.SENT)
        (row,) = stream.next().data["rows"]
        client = Client()
        client.cookies["sessionid"] = vera
        assert row in client.get(f"/a/{acme.slug}/").content.decode()
        happen(src, Kind.BOUNCED)
        (after,) = stream.next().data["rows"]
        assert id_of(after) == id_of(row)
        assert "Bounced" in after
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert stream.response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize(
    "q",
    [
        "status:bounced", "ann@example.com", "to:ann@example.com", "from:news@acme.test", "domain:example.com", "ann",
        "tag:spring", "arg:order-1", "id:m-ann@example.com", "-to:ben", "subject:hello", 'comment:"mailbox full"',
        "code:5.2.2", "source:\"plain source\" status:bounced", "opens:0 is:orphan,test status:bounced -to:ben",
    ],
)  # fmt: skip
def test_only_what_the_filter_lets_pass_comes(watch: Watch, src: Source, q: str) -> None:
    with watch(q) as stream:
        happen(src, Kind.DELIVERED, to="ben@other.org", message_id="other")
        record(
            [
                make.arrival(
                    src,
                    make.event(
                        Kind.BOUNCED, "ann@example.com", message_id="m-ann@example.com", sender="news@acme.test",
                        subject="Hello Ann", comment="552 5.2.2 Mailbox full", code="5.2.2", tags=("spring",),
                        argument="order-1", occurred_at=timezone.now(),
                    ),
                    received_at=timezone.now(), is_test=True,
                )
            ]
        )  # fmt: skip
        assert recipients(stream.next()) == ["ann@example.com"]


def test_what_leaves_the_filter_is_told_by_its_id(watch: Watch, src: Source) -> None:
    with watch("status:sent") as stream:
        happen(src, Kind.SENT)
        (row,) = stream.next().data["rows"]
        happen(src, Kind.DELIVERED)
        assert stream.next().data == {"rows": [], "gone": [id_of(row)]}


def test_what_was_never_in_the_filter_does_not_leave_it(watch: Watch, src: Source) -> None:
    with watch("status:bounced") as stream:
        happen(src, Kind.SENT, to="a@example.com")
        happen(src, Kind.SENT, Kind.OPENED, to="b@example.com")
        happen(src, Kind.BOUNCED, to="c@example.com")
        told = stream.next()
        assert recipients(told) == ["c@example.com"]
        assert told.data["gone"] == []


def test_a_stream_goes_on_where_the_last_one_ended(watch: Watch, src: Source) -> None:
    with watch() as stream:
        happen(src, Kind.SENT, to="a@example.com")
        assert recipients(stream.next()) == ["a@example.com"]
        last = stream.cursor
    happen(src, Kind.SENT, to="b@example.com")
    happen(src, Kind.DELIVERED, to="b@example.com")
    # What the browser brings counts, not the address, which is of the first time.
    with watch(last=last, cursor="1-1:1:") as stream:
        assert recipients(stream.next()) == ["b@example.com"]
        happen(src, Kind.SENT, to="c@example.com")
        assert recipients(stream.next()) == ["c@example.com"]


def test_a_page_is_told_what_came_since_it_was_drawn(watch: Watch, src: Source, acme: Account, vera: str) -> None:
    client = Client()
    client.cookies["sessionid"] = vera
    page = client.get(f"/a/{acme.slug}/").content.decode()
    cursor = page.split('data-cursor="')[1].split('"')[0]
    happen(src, Kind.SENT)
    with watch(cursor=cursor) as stream:
        assert recipients(stream.next()) == ["bob@example.com"]


def test_what_is_new_to_one_is_not_told_to_another_again(watch: Watch, src: Source) -> None:
    with watch() as early:
        happen(src, Kind.SENT, to="a@example.com")
        early.next()
        with watch() as late:
            happen(src, Kind.SENT, to="b@example.com")
            assert recipients(early.next()) == ["b@example.com"]
            assert recipients(late.next()) == ["b@example.com"]


def test_a_cursor_that_is_too_old_has_the_page_read_afresh(watch: Watch, src: Source) -> None:
    happen(src, Kind.SENT)
    now = live.cursor_now()
    with watch(last=f"{now.at - 3_600_000}-{now.snapshot}") as stream:
        assert stream.next("refresh").data == {"n": 0}
        happen(src, Kind.DELIVERED)
        assert recipients(stream.next()) == ["bob@example.com"]


def test_more_than_anybody_can_read_is_told_as_a_number(watch: Watch, src: Source) -> None:
    many = viewers.MOST_ROWS + 1
    with watch() as stream:
        now = timezone.now()
        events = [make.event(Kind.SENT, f"p{n}@example.com", message_id=f"m{n}", occurred_at=now) for n in range(many)]
        record([make.arrival(src, *events, received_at=now)])
        assert stream.next("refresh").data == {"n": many}
        happen(src, Kind.SENT)
        assert recipients(stream.next()) == ["bob@example.com"]


def test_of_an_account_that_missed_too_much_the_others_lose_nothing(
    watch: Watch, src: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live.cursor_now()
    for n in range(3):
        happen(src, Kind.SENT, to=f"p{n}@example.com")
    monkeypatch.setattr(looks, "MOST_EMAILS", 2)
    with watch() as other, watch(last=str(before)) as stream:
        assert stream.next("refresh").data == {"n": 0}
        happen(src, Kind.SENT)
        assert recipients(stream.next()) == ["bob@example.com"]
        assert recipients(other.next()) == ["bob@example.com"]


def test_another_language_and_another_account_are_kept_apart(
    watch: Watch, live_server: Served, src: Source, acme: Account
) -> None:
    client = Client()
    other = make.account("Other")
    client.force_login(make.member(other, "otto"))
    session = client.cookies["sessionid"].value
    path = f"/a/{other.slug}/stream/"
    with watch() as ours, Stream(live_server.port, path, f"{session}; django_language=pt-br") as theirs:
        theirs.response.readline()
        happen(make.source(other), Kind.SENT, to="theirs@example.com")
        happen(src, Kind.SENT, to="ours@example.com")
        assert recipients(ours.next()) == ["ours@example.com"]
        told = theirs.next()
        assert recipients(told) == ["theirs@example.com"]
        assert "Enviado" in told.data["rows"][0]


def test_the_broker_may_say_nothing(watch: Watch, src: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "announce", lambda account_ids: None)
    with watch() as stream:
        happen(src, Kind.SENT)
        assert recipients(stream.next()) == ["bob@example.com"]


def test_a_database_that_hangs_up_is_asked_again(watch: Watch, src: Source) -> None:
    with watch() as stream:
        happen(src, Kind.SENT, to="a@example.com")
        stream.next()
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        happen(src, Kind.SENT, to="b@example.com")
        assert recipients(stream.next()) == ["b@example.com"]


def test_nothing_is_left_when_everybody_has_gone(watch: Watch, src: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LINGER_SECONDS", 0.0)
    with watch() as stream, watch("ann"):
        happen(src, Kind.SENT)
        stream.next()
    wait_until(lambda: hub.hub.is_idle, 10, "the hub ended")


def test_a_stream_holds_neither_a_thread_nor_a_connection(watch: Watch, src: Source) -> None:
    def held() -> tuple[int, int]:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_stat_activity where datname = current_database()")
            return threading.active_count(), cursor.fetchone()[0]

    with ExitStack() as streams:
        # The hub, its ear, and the threads that let people in.
        for _n in range(5):
            streams.enter_context(watch())
        happen(src, Kind.SENT)
        before = held()
        for _n in range(10):
            streams.enter_context(watch())
        wait_until(lambda: held() <= before, 10, "nothing more is held")


def test_a_database_that_is_away_is_no_reason_to_stay_away(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object) -> None:
        raise OperationalError

    monkeypatch.setattr(views, "enter", away)
    with watch() as stream:
        assert stream.status == 503


def test_who_may_not_watch_is_told_not_to_come_again(
    watch: Watch, live_server: Served, acme: Account, vera: str
) -> None:
    with watch(session="nobody") as stream:
        assert stream.status == 204
    with Stream(live_server.port, "/a/nowhere/stream/", vera) as stream:
        assert stream.status == 204
    Membership.objects.all().delete()
    with watch() as stream:
        assert stream.status == 204


def test_what_cannot_be_understood_is_said(watch: Watch) -> None:
    with watch("status:lost") as stream:
        assert stream.status == 400
        assert "lost" in stream.response.read().decode()


def test_whether_one_may_watch_can_be_asked(live_server: Served, acme: Account, vera: str) -> None:
    asking = http.client.HTTPConnection("127.0.0.1", live_server.port, timeout=10)
    asking.request("HEAD", f"/a/{acme.slug}/stream/", headers={"Cookie": f"sessionid={vera}"})
    assert asking.getresponse().status == 200
    asking.close()

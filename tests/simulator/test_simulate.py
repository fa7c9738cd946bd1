from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Membership, Role, User
from feeds import inbox
from feeds.events import Kind
from feeds.models import InboxDue, StoredEvent
from simulator.formats import FORMATS
from simulator.world import Happening, World
from suppression.models import Suppression
from tests import make, simulated
from webhooks.models import Source

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def simulate(**options: Any) -> str:
    """Run the command; gives what it said."""
    said = StringIO()
    call_command("simulate", stdout=said, **{"seconds": "1", "rate": "50", "emails": "0"} | options)
    return said.getvalue()


def stored() -> Counter[simulated.Fact]:
    inbox.work()
    with connection.cursor() as cursor:
        return simulated.stored(cursor)


@pytest.mark.django_db(transaction=True)
class TestTheFeed:
    def test_it_shows_once_what_was_accepted(self, live_server: LiveServer, tmp_path: Path) -> None:
        journal = tmp_path / "journal"
        said = simulate(url=live_server.url, emails="60", seed="1", journal=str(journal))
        told = simulated.accepted(journal)
        assert stored() == Counter(dict.fromkeys(told, 1))
        assert len(told) > 150
        assert "events were accepted" in said
        assert not InboxDue.objects.exists()

    def test_it_hears_of_every_provider(self, live_server: LiveServer) -> None:
        simulate(url=live_server.url, emails="60", seed="1")
        inbox.work()
        told = StoredEvent.objects.values_list("source_id", flat=True).distinct()
        assert set(Source.objects.filter(id__in=list(told)).values_list("provider", flat=True)) == set(FORMATS)

    def test_a_hard_bounce_suppresses_the_address(self, live_server: LiveServer) -> None:
        simulate(url=live_server.url, emails="400", seed="1")
        inbox.work()
        hard = StoredEvent.objects.filter(kind=Kind.BOUNCED, bounce=2)
        assert hard.exists()
        suppressed = set(Suppression.objects.values_list("target", flat=True))
        assert {event.email.recipient for event in hard.select_related("email")} <= suppressed

    def test_a_second_run_goes_on_where_the_first_ended(self, live_server: LiveServer) -> None:
        User.objects.create_superuser("root", password="x")
        simulate(url=live_server.url)
        before = stored()
        keys = [source.secrets for source in Source.objects.order_by("id")]
        simulate(url=live_server.url, emails="500")
        assert stored().total() < before.total() + 200
        assert Account.objects.get().name == "Demo"
        assert [source.secrets for source in Source.objects.order_by("id")] == keys
        assert Membership.objects.get().role == Role.OWNER


class Away(BaseHTTPRequestHandler):
    """A server that accepts a request at its third try, and keeps what came."""

    protocol_version = "HTTP/1.1"
    came: list[tuple[str, str, bytes]] = []
    accepts_at = 3

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = self.headers.get("svix-id", "")
        self.came.append((self.path, name, body))
        tries = sum(1 for path, other, _body in self.came if (path, other) == (self.path, name))
        self._answer(200 if not name or tries >= self.accepts_at else 503)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Away, "came", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Away) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.django_db(transaction=True)
class TestSending:
    def test_a_refused_request_is_sent_again_as_the_same_one(self, away: str, tmp_path: Path) -> None:
        journal = tmp_path / "journal"
        simulate(url=away, seed="1", rate="20", journal=str(journal))
        tries = Counter(name for _path, name, _body in Away.came if name)
        bodies = {(name, body) for _path, name, body in Away.came if name}
        assert tries
        assert set(tries.values()) == {Away.accepts_at}
        assert len(bodies) == len(tries)
        assert len(journal.read_text().splitlines()) == len(Away.came) - (Away.accepts_at - 1) * len(tries)

    def test_requests_are_gathered_where_the_provider_does(self, away: str) -> None:
        simulate(url=away, seed="1", rate="200")
        source = Source.objects.get(provider="sendgrid")
        requests = [body for path, _name, body in Away.came if path.endswith(source.token)]
        assert max(body.count(b"sg_event_id") for body in requests) > 1

    def test_sigterm_ends_it_within_a_second(self, away: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Away, "accepts_at", 1000)
        asked: list[float] = []

        def ask_once_something_came() -> None:
            deadline = time.monotonic() + 30
            while not Away.came and time.monotonic() < deadline:
                threading.Event().wait(0.01)
            asked.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=ask_once_something_came)
        thread.start()
        simulate(url=away, seconds="")
        assert time.monotonic() - asked[0] < 1
        thread.join()


class TestRefusals:
    @pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "many", "10001"])
    def test_a_bad_rate(self, rate: str) -> None:
        with pytest.raises(CommandError, match=r"--rate is .*: give a number above 0 of at most 10000"):
            simulate(rate=rate)

    @pytest.mark.parametrize("url", ["localhost", "ftp://localhost", "http://", "http://h:port", "http://[::1"])
    def test_an_address_that_is_none(self, url: str) -> None:
        with pytest.raises(CommandError, match=r"--url is .*: write it as"):
            simulate(url=url)

    def test_an_address_where_nobody_answers(self) -> None:
        with pytest.raises(CommandError, match=r"No Live Feeds answers at .*: start it"):
            simulate(url="http://127.0.0.1:1")

    @pytest.mark.parametrize("option", ["seed", "emails"])
    def test_what_should_be_a_whole_number(self, option: str) -> None:
        with pytest.raises(CommandError, match=rf"--{option} is '1.5': give a whole number"):
            simulate(**{option: "1.5"})

    @pytest.mark.django_db
    def test_an_account_of_somebody(self, away: str) -> None:
        account = make.account("Acme")
        with pytest.raises(CommandError, match="must not mix with real ones"):
            simulate(url=away, account=account.slug)
        assert not Source.objects.exists()

    @pytest.mark.django_db
    def test_an_account_that_cannot_be(self, away: str) -> None:
        with pytest.raises(CommandError, match="use letters, digits and hyphens"):
            simulate(url=away, account="no account")

    @pytest.mark.django_db
    def test_a_journal_that_cannot_be_written(self, away: str, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"--journal is .*cannot be written: Is a directory"):
            simulate(url=away, journal=str(tmp_path))


def lived(seed: int, count: int = 4000) -> list[Happening]:
    world = World(seed, {provider: form.share for provider, form in FORMATS.items()})
    return [world.next(NOW + timedelta(seconds=n / 5)) for n in range(count)]


class TestTheWorld:
    def test_the_same_seed_lives_the_same(self) -> None:
        assert lived(5) == lived(5)
        assert lived(5) != lived(6)

    def test_everything_happens(self) -> None:
        kinds = {happening.kind for happening in lived(1, 20_000)}
        untold = {
            Kind.SENT, Kind.RESUBSCRIBED, Kind.AUTO_REPLIED, Kind.HELD, Kind.RELEASED, Kind.RETRIED, Kind.UNKNOWN,
        }  # fmt: skip
        assert kinds == set(Kind) - untold

    def test_some_of_it_is_told_twice_and_some_too_late(self) -> None:
        told = [(happening.email.id, happening.number) for happening in lived(1)]
        twice = len(told) - len(set(told))
        highest: dict[str, int] = {}
        late = 0
        for email, number in told:
            late += number < highest.get(email, -1)
            highest[email] = max(number, highest.get(email, -1))
        assert 0.02 < twice / len(told) < 0.08
        assert 0.02 < late / len(told) < 0.2

    def test_nothing_is_told_before_it_happened(self) -> None:
        world = World(3, dict.fromkeys(FORMATS, 1.0))
        world.past(100, NOW - timedelta(days=3), NOW)
        told = list(world.due(NOW))
        assert len(told) > 200
        assert all(NOW - timedelta(days=3, seconds=1) <= happening.at <= NOW for happening in told)

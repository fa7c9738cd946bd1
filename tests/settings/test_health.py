from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from settings import presence


def parts(client: Client) -> tuple[int, dict[str, Any]]:
    response = client.get("/readyz")
    return response.status_code, response.json()["parts"]


def test_healthz_answers_without_a_database(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


@pytest.fixture
def nobody_was_seen() -> None:
    with presence.connect() as broker:
        broker.delete("livefeeds:seen:worker", "livefeeds:seen:beat", "livefeeds:seen:smtp")


@pytest.mark.django_db
@pytest.mark.usefixtures("nobody_was_seen")
class TestReadyz:
    def test_it_is_ready_when_all_parts_were_seen(self, client: Client) -> None:
        for part in ("worker", "beat", "smtp"):
            presence.show(part)
        status, told = parts(client)
        assert status == 200
        assert set(told) == {"database", "migrations", "broker", "worker", "beat", "smtp"}
        assert all(part["ok"] for part in told.values())

    def test_it_says_that_no_worker_was_seen(self, client: Client) -> None:
        presence.show("beat")
        status, told = parts(client)
        assert status == 503
        assert "No worker was seen in the last 30 seconds" in told["worker"]["wrong"]
        assert told["beat"]["ok"]

    def test_it_says_that_no_smtp_server_was_seen_unless_none_is_wanted(self, client: Client, settings: Any) -> None:
        assert "SMTP server was not seen" in parts(client)[1]["smtp"]["wrong"]
        settings.SMTP_PORT = 0
        assert parts(client)[1]["smtp"]["ok"]

    def test_a_trace_vanishes_by_itself(self, client: Client) -> None:
        presence.show("worker")
        with presence.connect() as broker:
            left = timedelta(seconds=broker.ttl("livefeeds:seen:worker"))
        assert timedelta(0) < left <= timedelta(seconds=30)

    def test_it_says_what_to_do_when_the_broker_is_away(self, client: Client, settings: Any) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1"
        status, told = parts(client)
        assert status == 503
        assert "REDIS_URL" in told["broker"]["wrong"]
        assert told["database"]["ok"]

"""What providers post is answered before Django's middleware, and just as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from feeds.models import InboxRow
from settings.road import RoadIn
from tests import make
from webhooks.endpoint import MOST_BYTES
from webhooks.models import Source

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = json.dumps([{"event": "delivered", "email": "bob@example.com", "timestamp": 1773144000}]).encode()


async def passed_on(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "passed on"})


def ask(path: str, *messages: dict[str, Any], method: str = "POST", length: int | None = None) -> list[dict[str, Any]]:
    """What the application sends for a request that arrives in these messages."""
    waiting = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    headers = [(b"host", b"feeds.example.com"), (b"content-type", b"application/json")]
    headers += [(b"content-length", str(length).encode())] if length is not None else []
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    asyncio.run(RoadIn(passed_on, prefix="/in/")(scope, receive, send))
    return sent


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def address(**fields: Any) -> str:
    source: Source = make.source(make.account(), "sendgrid", **fields)
    return f"/in/{source.token}"


def test_a_request_in_pieces_is_stored_whole() -> None:
    sent = ask(address(), piece(EVENTS[:7], more=True), piece(EVENTS[7:]), length=len(EVENTS))

    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"Stored.\n"
    assert dict(sent[0]["headers"])[b"content-length"] == b"8"
    assert b"x-request-id" in dict(sent[0]["headers"])
    assert bytes(InboxRow.objects.get().body) == EVENTS


def test_half_a_request_is_neither_stored_nor_answered() -> None:
    sent = ask(address(), piece(EVENTS[:7], more=True), {"type": "http.disconnect"}, length=len(EVENTS))

    assert sent == []
    assert not InboxRow.objects.exists()


def test_a_request_that_says_it_is_too_large_is_refused_unread() -> None:
    sent = ask(address(), length=MOST_BYTES * 2)

    assert sent[0]["status"] == 413


def test_a_request_that_turns_out_too_large_is_not_read_to_its_end() -> None:
    sent = ask(address(), *[piece(b" " * 1024 * 1024, more=True)] * 6)

    assert sent[0]["status"] == 413
    assert not InboxRow.objects.exists()


def test_an_unknown_address_is_told_so() -> None:
    assert ask("/in/nobody", piece(EVENTS))[0]["status"] == 404


def test_a_provider_that_only_looks_gets_no_body() -> None:
    sent = ask(address(), piece(b""), method="HEAD")

    assert (sent[0]["status"], sent[1]["body"]) == (200, b"")


@pytest.mark.parametrize("path", ["/in/", "/in/a/b", "/inbox", "/healthz"])
def test_every_other_address_is_left_to_django(path: str) -> None:
    assert ask(path, piece(b""), method="GET") == [{"type": "passed on"}]


def test_a_view_that_breaks_is_a_500_and_not_a_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(token: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("webhooks.sources.find", broken)

    assert ask(address(), piece(EVENTS))[0]["status"] == 500

"""The API as the web server hands requests to it: before Django's middleware, headers as they come over the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from delivery import storage
from delivery.models import Attachment, Message
from delivery.v5 import door
from feeds.models import Email
from settings.road import MEMORY, RoadIn
from tests import make
from tests.delivery.v5.asking import SEND, fields, key, request, told

pytestmark = pytest.mark.django_db(transaction=True)


async def passed_on(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "passed on"})


def ask(*pieces: bytes, headers: dict[str, str], path: str = SEND, length: int | None = None) -> Any:
    """Status and JSON of the answer to a request that arrives in these pieces."""
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(dict(message))

    named = {"content-type": "application/json"} | ({"content-length": str(length)} if length is not None else {})
    raw = [(name.encode(), value.encode()) for name, value in (named | headers).items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": raw,
             "client": ("192.0.2.7", 1234)}  # fmt: skip
    asyncio.run(RoadIn(passed_on, prefix=("/in/", "/v5"))(scope, receive, send))
    if sent[0]["type"] == "passed on":
        return None
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture
def api_key() -> str:
    account = make.account()
    make.sender_domain(account)
    door.database.answered()
    return key(account, networks=["192.0.2.0/24"])


@pytest.mark.parametrize("header", ["api_key", "API_KEY", "api-key"])
@pytest.mark.parametrize("path", ["/v5/mail/send", "/v5.1/mail/send"])
def test_the_header_api_key_is_found_although_django_drops_such_names(api_key: str, header: str, path: str) -> None:
    status, answer = ask(json.dumps(request()).encode(), headers={header: api_key}, path=path)
    assert (status, answer["message"]) == (202, "OK")
    assert Message.objects.count() == 1


def test_a_large_message_comes_through_whole(api_key: str) -> None:
    content = "QUJD" * (MEMORY // 2)
    body = json.dumps(request(attachments=[{"name": "a.bin", "content": content}])).encode()
    pieces = [body[start : start + 65536] for start in range(0, len(body), 65536)]
    assert ask(*pieces, headers={"api_key": api_key}, length=len(body))[0] == 202
    assert bytes(Attachment.objects.get().content) == b"ABC" * (MEMORY // 2)


def test_what_is_too_large_is_refused_and_not_read_on(api_key: str, settings: Any) -> None:
    settings.SEND_REQUEST_MOST_BYTES = 100_000
    assert ask(headers={"api_key": api_key}, length=100_001)[0] == 413
    assert ask(*[b" " * 60_000] * 3, headers={"api_key": api_key})[0] == 413


def test_a_connection_that_breaks_in_the_middle_leaves_nothing_and_the_client_comes_again(
    api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    headers = {"api_key": api_key, "idempotency-key": "order-7"}
    with monkeypatch.context() as patch:
        patch.setattr(storage, "queue", broken)
        assert ask(json.dumps(request()).encode(), headers=headers)[0] == 503
    assert not Message.objects.exists()
    assert not Email.objects.exists()
    status, _answer = ask(json.dumps(request()).encode(), headers=headers)
    assert (status, Message.objects.count()) == (202, 1)


def test_other_addresses_are_left_to_django(api_key: str) -> None:
    assert ask(headers={}, path="/v5/mail/other") is None
    assert ask(headers={}, path="/v50") is None


@pytest.mark.parametrize("path", ["/v5", "/v5/", "/v5/mail/send/", "/v5/mail/sent", "/v5.1/stats", "/v5/suppression/7"])
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
def test_an_address_that_is_none_is_answered_in_the_shape_of_the_others(path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert answer.status_code == 404
    assert fields(answer) == [""]
    assert path in told(answer)["error"][0]["description"]


@pytest.mark.parametrize("path", ["/v5/mail/send", "/v5.1/mail/send", "/v5/suppression"])
@pytest.mark.parametrize("method", ["put", "patch", "options", "head", "trace"])
def test_a_method_that_is_none_is_answered_in_the_shape_of_the_others(path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert answer.status_code == 405
    assert "POST" in answer["Allow"]
    assert method == "head" or fields(answer) == [""]

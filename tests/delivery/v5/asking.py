"""Asking the API as a client does."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.access import Access
from accounts.keys import Scope, make_key
from accounts.models import Account, Membership
from tests import make

SEND = "/v5/mail/send"


def key(account: Account, *scopes: Scope, **limits: Any) -> str:
    """A new API key of the account."""
    user = make.member(account)
    access = Access(account, Membership.objects.get(user=user, account=account))
    return make_key(access, "test", scopes or [Scope.SEND], **limits)[1]


def request(*to: str, **fields: Any) -> dict[str, Any]:
    """What a client asks for: a message from news@acme.test, to each of these in an email of their own."""
    return {
        "from": {"email": "news@acme.test", "name": "Acme"},
        "subject": "Hello",
        "content": [{"type": "html", "value": "<p>Hello</p>"}],
        "personalizations": [{"to": [{"email": address}]} for address in to or ("bob@example.com",)],
    } | fields


def post(key: str, body: Any, content_type: str = "application/json", path: str = SEND, **headers: str) -> HttpResponse:
    """Send this, bytes as they are and all else as JSON."""
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client(enforce_csrf_checks=True).post(  # type: ignore[return-value]
        path, content, content_type=content_type, HTTP_API_KEY=key, **named  # type: ignore[arg-type]
    )  # fmt: skip


def told(answer: HttpResponse) -> Any:
    """The JSON of an answer."""
    assert answer["Content-Type"] == "application/json"
    return json.loads(answer.content)


def fields(answer: HttpResponse) -> list[str]:
    """The fields an answer names as wrong; each has to say what and what to do."""
    body = told(answer)
    assert (body["status"], body["message"]) == ("error", "ERROR")
    for fault in body["error"]:
        assert set(fault) == {"description", "message", "field"}
        assert fault["description"]
        assert fault["message"]
    return [fault["field"] for fault in body["error"]]

"""What tests ask the pages of the list, and what they read there."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.test import Client

from accounts.models import Account


def at(account: Account, to: str = "") -> str:
    return f"/a/{account.slug}/suppressions/{to}"


def found(client: Client, account: Account, **params: str) -> list[str]:
    page = client.get(at(account), params)
    assert page.status_code == 200
    return [line.entry.target for line in page.context["lines"]]


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def said(client: Client, account: Account, response: Any) -> str:
    """What the page says that one is sent to."""
    assert response.status_code == 302, text(response)
    return text(client.get(response["Location"]))


def rows(client: Client, url: str, **params: str) -> list[dict[str, str]]:
    answer = client.get(url, params)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode(), newline="")))

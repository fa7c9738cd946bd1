"""Ordering, making and fetching exports, for the tests of them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Account
from feeds.events import Kind
from feeds.exports import work
from feeds.exports.models import Export
from feeds.lifecycle import record
from tests import make
from webhooks.models import Source

CHOSEN = {"format": "csv", "columns": "own", "column": ["recipient", "status"], "order": [], "how": "background"}


def fill(src: Source, count: int, kind: Kind = Kind.DELIVERED) -> None:
    now = timezone.now()
    events = [
        make.event(kind, f"p{n}@example.com", message_id=f"m{n}", occurred_at=now - timedelta(seconds=n + 1))
        for n in range(count)
    ]
    record([make.arrival(src, *events, received_at=now)])


def order(client: Client, acme: Account, query: str = "", **fields: Any) -> Export:
    response = client.post(f"/a/{acme.slug}/download/", CHOSEN | fields, query_params={"q": query})
    assert response.status_code == 303
    return Export.objects.latest("id")


def made(export: Export, seconds: float = 60) -> Export:
    work.work(seconds)
    export.refresh_from_db()
    return export


def fetch(client: Client, export: Export, **headers: str) -> Any:
    return client.get(f"/a/{export.account.slug}/exports/{export.pk}/file/", headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())

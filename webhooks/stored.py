"""A stored request as a person may look at it: readable, and without what is nobody's business."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from webhooks.requests import RawRequest, Unreadable

if TYPE_CHECKING:
    from feeds.models import InboxRow

# A page shows this much of a body; nobody reads more, and browsers become slow.
MOST_LETTERS = 200_000
SECRET_WORDS = ("authorization", "cookie", "secret", "password", "api-key", "apikey", "token")
MASK = "••••••"


@dataclass(frozen=True, slots=True)
class Shown:
    """The headers, masked where they hold secrets, and the body; `cut` is how many letters were left out."""

    headers: list[tuple[str, str]]
    body: str
    cut: int


def shown(row: InboxRow) -> Shown:
    """What a page shows of a stored request. JSON is indented, a form has a line per field, all else is as it came."""
    headers = [(name, masked(name, str(value))) for name, value in sorted(row.headers.items())]
    body = readable(bytes(row.body), row.content_type)
    return Shown(headers, body[:MOST_LETTERS], max(0, len(body) - MOST_LETTERS))


def masked(name: str, value: str) -> str:
    return MASK if any(word in name.lower() for word in SECRET_WORDS) else value


def readable(body: bytes, content_type: str) -> str:
    text = body.decode(errors="replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    if "form" in content_type.lower():
        return _form(body, content_type) or text
    return text


def _form(body: bytes, content_type: str) -> str:
    try:
        fields = RawRequest(body, received_at=datetime.min.replace(tzinfo=UTC), content_type=content_type).form_lists()
    except Unreadable:
        return ""
    return "\n".join(f"{name} = {value}" for name, values in fields.items() for value in values)

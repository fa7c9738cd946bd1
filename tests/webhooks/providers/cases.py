"""The requests under tests/fixtures/webhooks, and what must be read from them.

A file has `cases`, each with what it is about, a request and its `events` (or `unreadable`, a part of the error).
The request is a `body` in JSON, `with` (laid over the file's `base`), a `form`, a `multipart` form, or plain `text`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from webhooks.requests import RawRequest

FOLDER = Path(__file__).parents[2] / "fixtures" / "webhooks"
RECEIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)
BOUNDARY = "a-line-between-the-parts"


@dataclass(frozen=True)
class Case:
    slug: str
    about: str
    request: RawRequest
    events: list[dict[str, Any]]
    unreadable: str

    def __str__(self) -> str:
        return f"{self.slug}: {self.about}"


def all_cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.json")) for case in cases_of(path)]


def cases_of(path: Path) -> list[Case]:
    data = json.loads(path.read_text(encoding="utf-8"))
    base, headers = data.get("base", {}), data.get("headers", {})
    return [
        Case(path.stem, case["about"], request(case, base, headers), case.get("events", []), case.get("unreadable", ""))
        for case in data["cases"]
    ]


def request(case: dict[str, Any], base: dict[str, Any], headers: dict[str, str]) -> RawRequest:
    body, content_type = body_of(case, base)
    return RawRequest(body.encode(), RECEIVED, case.get("content_type", content_type), headers)


def body_of(case: dict[str, Any], base: dict[str, Any]) -> tuple[str, str]:
    if "text" in case:
        return case["text"], "text/plain"
    if "form" in case:
        pairs = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in case["form"]]
        return urlencode(pairs), "application/x-www-form-urlencoded"
    if "multipart" in case:
        return multipart(case["multipart"]), f"multipart/form-data; boundary={BOUNDARY}"
    data = case["body"] if "body" in case else laid_over(base, case["with"])
    if isinstance(data, dict) and isinstance(data.get("Message"), dict):
        # Amazon SNS carries the message as a text.
        data = {**data, "Message": json.dumps(data["Message"])}
    return json.dumps(data), "application/json"


def multipart(pairs: list[list[str]]) -> str:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in pairs
    ]
    return "".join(parts) + f"--{BOUNDARY}--\r\n"


def laid_over(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {name: laid_over(under.get(name), over.get(name, under.get(name))) for name in {**under, **over}}
    return over

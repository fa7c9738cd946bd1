from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webhooks.providers import PROVIDERS
from webhooks.requests import RawRequest
from webhooks.signing import new_secrets

PAGE = (Path(__file__).parents[3] / "docs" / "providers.md").read_text(encoding="utf-8")
PLAIN = PROVIDERS["plain"]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_plain_example_is_read_as_it_says() -> None:
    [event] = PLAIN.parse(RawRequest(block("json").encode(), datetime.now(UTC)))
    assert (event.kind.name, event.bounce.name, event.code) == ("BOUNCED", "HARD", "5.1.1")
    assert (event.argument, event.subject, event.event_id) == ("A-1001", "Your order", "evt-000017")


def test_the_python_example_signs_what_a_source_takes() -> None:
    secrets, _same = new_secrets("plain")
    names: dict[str, Any] = {"secret": secrets["signing_secret"], "events": json.loads(block("json"))}
    exec(block("python"), names)
    headers = {name.lower(): value for name, value in names["headers"].items()}
    PLAIN.verify(RawRequest(names["body"].encode(), names["now"], headers=headers), secrets, names["now"])


def test_every_provider_has_its_row() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    for provider in PROVIDERS.values():
        word = provider.name.split(" (")[0].removesuffix(" Email API")
        assert sum(row.startswith(f"| {word}") for row in rows) == 1, provider.name

"""Whatever a client sends: it is taken, or told what is wrong in which field; never an error of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from delivery.models import Message
from delivery.v5 import door
from tests import make
from tests.delivery.v5.asking import fields, key, post

FULL = (Path(__file__).parents[2] / "fixtures" / "v5" / "full.json").read_text()

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from(["bob@example.com", "\0", "\ud800", "[%NAME%]", "html", "SGk=", "x" * 300, "a\r\nb: c", "", 0, 1])
)  # fmt: skip
KEYS = st.sampled_from(["email", "name", "type", "value", "content", "to", "cc", "X-A", "NAME"]) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
PATHS = [(name,) for name in json.loads(FULL)] + [
    ("from", "email"), ("from", "name"), ("content", 0), ("content", 0, "type"), ("content", 0, "value"),
    ("attachments", 0), ("attachments", 0, "name"), ("attachments", 0, "content"), ("personalizations", 0),
    ("settings", "open_track"), ("tags", 0), ("bcc", 0), ("bcc", 0, "email"),
    *[("personalizations", 0, name) for name in ("to", "cc", "bcc", "attributes", "headers", "token_to")],
    ("personalizations", 0, "to", 0), ("personalizations", 0, "to", 0, "email"),
    ("personalizations", 0, "to", 0, "name"), ("personalizations", 0, "attributes", "NAME"),
    ("personalizations", 0, "headers", "X-Custom"), ("personalizations", 0, "attachments"),
]  # fmt: skip


# Where a text is asked for, of which nearly any will do.
TEXTS = [
    ("subject",), ("from", "name"), ("content", 0, "value"), ("content", 1, "value"), ("attachments", 0, "name"),
    ("tags", 0), ("bcc", 0, "email"), ("bcc", 0, "name"), ("personalizations", 0, "to", 0, "email"),
    ("personalizations", 0, "to", 0, "name"), ("personalizations", 0, "cc", 0, "email"),
    ("personalizations", 0, "attributes", "NAME"), ("personalizations", 0, "headers", "X-Custom"),
    ("personalizations", 0, "token_to"), ("personalizations", 0, "attachments", 0, "name"),
]  # fmt: skip
ODD = st.text(st.characters(), min_size=1, max_size=30).map(lambda text: "x" + text) | st.sampled_from(
    ["\0", "\ud800\udc00", "\udc00\0\ud800", "a\r\nb: c", "[%NAME%]", "\u2028", "\\u0000", "é@é.é", "a@b.c\0"]
)


class Whatever(TestCase):
    """Each example in a transaction of its own."""

    def setUp(self) -> None:
        account = make.account()
        make.sender_domain(account, "example.net")
        self.key = key(account)
        door.database.answered()

    @hypothesis(max_examples=100)
    @given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=3))
    def test_a_field_may_hold_anything_and_is_taken_or_named(self, changes: list[tuple[Any, Any]]) -> None:
        body = json.loads(FULL)
        for path, value in changes:
            _put(body, path, value)
        self.ask(json.dumps(body).encode())

    @hypothesis(max_examples=100)
    @given(st.dictionaries(st.sampled_from(TEXTS), ODD, min_size=1))
    def test_a_text_may_be_anything(self, texts: dict[tuple[Any, ...], str]) -> None:
        body = json.loads(FULL)
        for path, text in texts.items():
            _put(body, path, text)
        self.ask(json.dumps(body).encode())

    @hypothesis(max_examples=60)
    @given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
    def test_a_body_may_be_anything(self, body: bytes) -> None:
        self.ask(body)

    def ask(self, body: bytes) -> None:
        before = Message.objects.count()
        answer = post(self.key, body)
        assert answer.status_code in (200, 202, 400), answer.content
        assert Message.objects.count() == before + (answer.status_code == 202)
        if answer.status_code == 400:
            assert fields(answer)


def _put(body: Any, path: tuple[Any, ...], value: Any) -> None:
    """Put the value there, as far as an earlier change has left the way."""
    for step in path[:-1]:
        body = body[step] if _has(body, step) else None
    if isinstance(body, dict) or _has(body, path[-1]):
        body[path[-1]] = value


def _has(body: Any, step: Any) -> bool:
    return step in body if isinstance(body, dict) else isinstance(body, list) and step in range(len(body))

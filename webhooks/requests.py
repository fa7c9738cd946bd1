"""A webhook request as it is stored and read: detached from HTTP, so that reading it is a pure function."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from math import isfinite
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

# What JSON may hold and PostgreSQL cannot store: NUL, and halves of surrogate pairs.
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_MOST_FIELDS = 5000


class Refused(Exception):
    """The request does not prove that the provider sent it. The text is for whoever set the source up."""


class TryLater(Exception):
    """The proof cannot be checked now, as something it needs is away: the sender should send again."""


class Unreadable(Exception):
    """The request cannot be understood. The text says what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One POST, byte for byte. Header names are lower case; only those the provider asked for are here."""

    body: bytes
    received_at: datetime
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    def json(self) -> Any:
        """The body as JSON, without anything that the database could not store. Raises Unreadable."""
        return read_json(self.body)

    def form(self) -> dict[str, str]:
        """The fields of a form, the first value of each. Raises Unreadable."""
        return {name: values[0] for name, values in self.form_lists().items()}

    def form_lists(self) -> dict[str, list[str]]:
        """The fields of a urlencoded or multipart form, all values of each in order. Raises Unreadable."""
        multipart = self.content_type.lower().startswith("multipart/")
        fields: dict[str, list[str]] = {}
        try:
            for name, value in self._multipart() if multipart else self._urlencoded():
                fields.setdefault(storable(name), []).append(storable(value))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unreadable(f"The body is not a form: {error}.") from None
        return fields

    def _urlencoded(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)

    def _multipart(self) -> Iterator[tuple[str, str]]:
        head = f"Content-Type: {self.content_type}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            if isinstance(name, str) and isinstance(content, bytes):
                yield name, content.decode()

    def basic_auth(self) -> str:
        """`user:password` of the Authorization header, or ""."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ""
        try:
            return base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return ""


def read_json(body: bytes | str) -> Any:
    """Strict JSON, without anything that the database could not store. Raises Unreadable."""
    try:
        data = json.loads(body, parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {error}.") from None
    if _UNSTORABLE.search(body.encode(errors="replace") if isinstance(body, str) else body):
        return _cleaned(data)
    return data


def storable(value: str) -> str:
    """The text with whatever PostgreSQL cannot store replaced."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): _cleaned(item) for name, item in value.items()}
    return value


def _not_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number

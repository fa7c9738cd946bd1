"""A webhook request as it is stored and read: detached from HTTP, so that a provider is a pure function of it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Refused(Exception):
    """The request does not prove that the provider sent it. The text is for the person who set the source up."""


class Unreadable(Exception):
    """The request cannot be understood. The text says what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One POST, byte for byte. Header names are lower case; only those the provider asked to keep are here."""

    body: bytes
    received_at: datetime
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    def json(self) -> Any:
        """The body as JSON. Raises Unreadable."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unreadable(f"The body is not JSON: {error}.") from None

    def form(self) -> dict[str, str]:
        """The fields of a urlencoded body, the first value of each. Raises Unreadable."""
        try:
            fields = parse_qs(self.body.decode(), keep_blank_values=True, max_num_fields=5000)
        except ValueError as error:
            raise Unreadable(f"The body is not a form: {error}.") from None
        return {name: values[0] for name, values in fields.items()}

    def basic_auth(self) -> str:
        """`user:password` of the Authorization header, or ""."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ""
        try:
            return base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return ""

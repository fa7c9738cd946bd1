"""HTTP to an address that was looked at, whatever DNS says of its name a moment later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from requests import PreparedRequest, Response


class Pinned(HTTPAdapter):
    """Connects to `address` (an IP address) alone. The name is still who is asked: in TLS, and in the header Host."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]
        return super().send(request, *args, **options)

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        where, how = super().build_connection_pool_key_attributes(*args, **options)
        if where["scheme"] == "https":
            how["server_hostname"] = where["host"]
        return where | {"host": self.address}, how

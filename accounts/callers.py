"""Where a request comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def ip_of(request: HttpRequest) -> str:
    """The caller's address: the connection's, or with proxies of ours before us what the outermost of them says."""
    proxies: int = settings.TRUSTED_PROXY_COUNT
    told = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    return told[-proxies] if proxies and len(told) >= proxies else request.META.get("REMOTE_ADDR", "")

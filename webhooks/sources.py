"""Sources as the endpoint knows them: asked for every other second at most, remembered when the database is away."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.core.cache.backends.base import InvalidCacheBackendError
from django.db import Error, OperationalError
from redis import RedisError

from accounts.vault import seal, unseal
from feeds.outage import database
from webhooks.models import Source

# A source that was changed or switched off is treated so after this long at the latest.
FRESH_SECONDS = 2.0
REMEMBERED_SECONDS = 30 * 24 * 3600
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """A source as far as a request needs it. Its secrets stay out of logs and error pages."""

    id: int
    account_id: int
    provider: str
    enabled: bool
    token: str = field(repr=False)
    secrets: dict[str, str] = field(repr=False)


_known: dict[str, tuple[float, Known]] = {}


def find(token: str) -> Known | None:
    """The source behind an address, or None. Raises django.db.Error where only the database could tell, and is away."""
    seen_at, known = _known.get(token, (0.0, None))
    if known and time.monotonic() - seen_at < FRESH_SECONDS:
        return known
    try:
        known = _ask(token)
    except Error:
        known = known or _recall(token)
        if known is None:
            raise
    if known is None:
        _known.pop(token, None)
    else:
        _remember(known)
    return known


def _ask(token: str) -> Known | None:
    """What the database says. Raises django.db.Error, at once where it was away a moment ago."""
    if not database.worth_asking():
        raise OperationalError("The database was away a moment ago.")
    try:
        known = _look_up(token)
    except Error:
        database.failed()
        raise
    database.answered()
    return known


def _look_up(token: str) -> Known | None:
    source = Source.objects.filter(token=token).first()
    if source is None:
        return None
    return Known(source.id, source.account_id, source.provider, source.enabled, source.token, source.secrets)


def _cache_key(token: str) -> str:
    return f"source:{token}"


def _remember(known: Known) -> None:
    """Keep it in this process, and sealed in the cache for a process that starts while the database is away."""
    first_time = known.token not in _known or _known[known.token][1] != known
    if len(_known) >= MOST_REMEMBERED:
        _known.clear()
    _known[known.token] = (time.monotonic(), known)
    if first_time:
        fields = {name: getattr(known, name) for name in Known.__slots__}
        _try_cache("set", _cache_key(known.token), seal(fields), REMEMBERED_SECONDS)


def _recall(token: str) -> Known | None:
    sealed = _try_cache("get", _cache_key(token))
    return Known(**unseal(sealed)) if sealed else None


def _try_cache(method: str, *args: Any) -> Any:
    try:
        return getattr(cache, method)(*args)
    except (RedisError, InvalidCacheBackendError, OSError):
        return None


def forget(token: str) -> None:
    """Take back what is remembered of a source that was changed or deleted."""
    _known.pop(token, None)
    _try_cache("delete", _cache_key(token))

"""Telling those who look that something changed. Only a nudge: what is new is always read from the database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import redis
import structlog
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

log = structlog.get_logger(__name__)
CHANNEL = "livefeeds:changed"
# A page that was open this long without a change reads afresh anyway.
VERSION_SECONDS = 24 * 3600


@cache
def broker() -> redis.Redis:
    """This process's connection to Redis or Valkey, which gives up soon where that is away."""
    return redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_TIMEOUTS)


def _version(account_id: int) -> str:
    return f"livefeeds:version:{account_id}"


def announce(account_ids: Iterable[int]) -> None:
    """Say that emails of these accounts changed. Never raises: the database holds the truth."""
    try:
        with broker().pipeline(transaction=False) as pipe:
            for account_id in account_ids:
                pipe.incr(_version(account_id))
                pipe.expire(_version(account_id), VERSION_SECONDS)
                pipe.publish(CHANNEL, account_id)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("change_not_announced", error=type(error).__name__)


def version(account_id: int) -> str:
    """A word that changes whenever emails of the account change; "" where nobody can tell."""
    try:
        found = broker().get(_version(account_id))
    except redis.RedisError:
        return ""
    return found.decode() if isinstance(found, bytes) else "0"

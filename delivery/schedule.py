"""When mail that was refused for now is tried again, and when that ends. Pure: no clock, no database, no dice."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The waits after each attempt, the last one repeating. RFC 5321 4.5.4.1 advises two tries in the first hour and then
# one every two or three hours, for four or five days at least.
MINUTES = (5, 15, 30, 60, 120, 240, 360)
GIVE_UP = timedelta(hours=120)
# So that what was refused together does not come back together.
JITTER = 0.1


def next_attempt(
    n: int,
    expires_at: datetime,
    now: datetime,
    *,
    minutes: Sequence[int] = MINUTES,
    seed: int = 0,
    retry_after: timedelta | None = None,
) -> datetime | None:
    """When to try again after the `n`th attempt (from 1) was refused at `now`; None where the time is over.

    Never sooner than the server asks for, except that nothing waits beyond `expires_at`: then comes the last attempt,
    or where `too_early` says so only the end. The same arguments always give the same moment, so that an outcome that
    is settled twice changes nothing.
    """
    if now >= expires_at:
        return None
    wait = timedelta(minutes=minutes[min(n, len(minutes)) - 1] if minutes else MINUTES[-1])
    at = now + wait * (1 + JITTER * _dice(seed, n))
    if retry_after is not None:
        at = max(at, now + retry_after)
    return min(at, expires_at)


def too_early(last_at: datetime, retry_after: timedelta | None, now: datetime) -> bool:
    """Whether the server, asked last at `last_at`, does not want to be asked again yet."""
    return retry_after is not None and now < last_at + retry_after


def _dice(seed: int, n: int) -> float:
    """From -1 to 1, always the same for the same email and attempt."""
    digest = blake2b(f"{seed}.{n}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) / 0x7FFFFFFF - 1

"""How fast a destination is written to: what is sensible to begin with, and what its servers have taught us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q

from delivery.models import Pace, Transport

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# A destination: a recipient domain (0, "example.com"), or everything through one transport (7, "").
type Key = tuple[int, str]

# Connections at once to one recipient domain. The large ones take more; a small server is soon busy.
CONNECTIONS = 4
LARGE = {
    "gmail.com": 10, "googlemail.com": 10, "outlook.com": 10, "hotmail.com": 10, "live.com": 10, "msn.com": 10,
    "yahoo.com": 8, "aol.com": 8, "icloud.com": 6, "me.com": 6, "gmx.de": 6, "gmx.net": 6, "web.de": 6, "mail.ru": 6,
    "orange.fr": 2, "wanadoo.fr": 2, "free.fr": 2, "laposte.net": 2,
}  # fmt: skip
# A destination that says "too much" rests for so long, unless it names a time itself.
REST, LONGEST_REST = timedelta(minutes=2), timedelta(hours=1)
LEAST_PER_MINUTE = 6
# After so long without another complaint it may have a quarter more; beyond FREE the limit is forgotten.
RECOVERY, GROWTH, FREE = timedelta(minutes=2), 1.25, 3000

# Complaints of emails that were under way together are one complaint.
SLOW = """
insert into delivery_pace as p (transport_id, domain, per_minute, slowed_until, reply, updated_at)
values (%(transport)s, %(domain)s, greatest(%(least)s, %(rate)s / 2), %(until)s, %(reply)s, %(now)s)
on conflict (transport_id, domain) do update set
    per_minute = case when p.slowed_until > %(now)s then p.per_minute
                      else greatest(%(least)s, least(coalesce(p.per_minute, %(rate)s), %(rate)s) / 2) end,
    slowed_until = greatest(p.slowed_until, excluded.slowed_until), reply = excluded.reply, updated_at = %(now)s
"""
RECOVER = """
update delivery_pace set updated_at = %(now)s, slowed_until = null,
    per_minute = case when per_minute * %(growth)s > %(free)s then null else ceil(per_minute * %(growth)s) end
where per_minute is not null and updated_at <= %(before)s and (slowed_until is null or slowed_until <= %(before)s)
    and (coalesce(transport_id, 0), domain) in (select * from unnest(%(transports)s::int[], %(domains)s::text[]))
"""


@dataclass(slots=True)
class Limit:
    """What a destination may have at the moment, of all mailers together."""

    connections: int
    per_minute: int | None = None
    slowed_until: datetime | None = None
    reply: str = ""

    def is_slowed(self, now: datetime) -> bool:
        """Whether nothing is sent there for now."""
        return self.slowed_until is not None and self.slowed_until > now


def limits(keys: Collection[Key], transports: Mapping[int, Transport]) -> dict[Key, Limit]:
    """The limits of these destinations: what people set, and less where servers complained. One query."""
    found = {key: _first(key, transports.get(key[0])) for key in keys}
    wanted = Q(transport=None, domain__in=[domain for transport, domain in keys if not transport])
    wanted |= Q(transport_id__in=[transport for transport, _domain in keys if transport], domain="")
    for pace in Pace.objects.filter(wanted):
        limit = found[pace.transport_id or 0, pace.domain]
        limit.slowed_until, limit.reply = pace.slowed_until, pace.reply
        limit.connections = min(limit.connections, pace.connections or limit.connections)
        if pace.per_minute is not None:
            limit.per_minute = min(pace.per_minute, limit.per_minute or pace.per_minute)
    return found


def _first(key: Key, transport: Transport | None) -> Limit:
    if transport is not None and key[0]:
        return Limit(max(1, transport.connections), transport.per_minute)
    return Limit(LARGE.get(key[1], CONNECTIONS))


@dataclass(frozen=True, slots=True)
class Slower:
    """That a destination complained. `rate` is how many emails were sent there in the minute before."""

    key: Key
    rate: int
    retry_after: timedelta | None
    reply: str
    at: datetime

    @property
    def until(self) -> datetime:
        """Until when it rests."""
        return self.at + min(self.retry_after or REST, LONGEST_REST)

    @property
    def per_minute(self) -> int:
        """What it may have afterwards, where it had no limit."""
        return max(LEAST_PER_MINUTE, self.rate // 2)


def slow(slower: Slower) -> None:
    """Let a whole destination rest, and have half of what it had afterwards."""
    told: dict[str, Any] = {
        "transport": slower.key[0] or None, "domain": slower.key[1], "rate": slower.rate, "least": LEAST_PER_MINUTE,
        "until": slower.until, "reply": slower.reply, "now": slower.at,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(SLOW, told)


def recover(keys: Collection[Key], now: datetime) -> None:
    """Give a little more to those of these destinations, which took mail just now, that have not complained lately."""
    if keys:
        told: dict[str, Any] = {
            "transports": [transport for transport, _domain in keys], "domains": [domain for _t, domain in keys],
            "now": now, "before": now - RECOVERY, "growth": GROWTH, "free": FREE,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(RECOVER, told)

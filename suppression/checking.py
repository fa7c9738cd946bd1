"""Who must not be mailed, asked for any number of addresses at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from suppression import targets
from suppression.models import Covers, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from suppression.targets import Target

# Word for word what Netcore says: clients compare these.
SENTENCES = {
    Reason.HARD_BOUNCE: "Email dropped: User suppressed due to hard bounce",
    Reason.SPAM: "Email dropped: User suppressed due to abuse complaint",
    Reason.UNSUBSCRIBED: "Email dropped: User suppressed due to unsubscription",
    Reason.MANUAL: "Email dropped: User added to suppression list manually",
    Reason.INVALID: "Email dropped: Recipient's address is invalid",
}
EVERYWHERE = "Email dropped: User present in global blacklisting"

# Indexes: suppression_one_per_reason, and for the patterns, of which there are few, suppression_patterns. Apart for the
# account's own list and the installation's: of both at once PostgreSQL would make a bitmap.
FIND = """
with found as (
    select id, account_id, target, covers, reason, since, until from suppression_suppression
    where account_id = %(account)s and target = any(%(targets)s)
    union all
    select id, account_id, target, covers, reason, since, until from suppression_suppression
    where account_id is null and target = any(%(targets)s)
    union all
    select id, account_id, target, covers, reason, since, until from suppression_suppression
    where account_id = %(account)s and covers = 4
    union all
    select id, account_id, target, covers, reason, since, until from suppression_suppression
    where account_id is null and covers = 4
)
select id, account_id is null, target, covers, reason, since, until from found
where until is null or until > now() order by since, reason, id
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """An entry that an address must not be mailed for, in the words of the feed."""

    reason: Reason
    sentence: str
    suppression_id: int
    target: str
    covers: Covers
    since: datetime
    until: datetime | None
    is_everywhere: bool

    def __str__(self) -> str:
        return targets.shown(self.target, self.covers)


def stopped(account_id: int, addresses: Iterable[str]) -> dict[str, Stop]:
    """Those of these addresses this account must not mail, by the address in lower case, with the earliest reason
    there is. One statement."""
    return {address: stops[0] for address, stops in rules(account_id, addresses).items()}


def rules(account_id: int, addresses: Iterable[str]) -> dict[str, list[Stop]]:
    """The same with every entry that stops an address, the earliest first. One statement."""
    asked = {address: targets.of_address(address) for address in {address.lower() for address in addresses}}
    if not asked:
        return {}
    wanted = {text for target in asked.values() for text in targets.covering(target)}
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"account": account_id, "targets": sorted(wanted)})
        stops = [_stop(row) for row in cursor]
    exact: dict[str, list[Stop]] = defaultdict(list)
    for stop in stops:
        exact[stop.target].append(stop)
    patterns = _Patterns(stop for stop in stops if stop.covers == Covers.PATTERN)
    found = {}
    for address, target in asked.items() if stops else ():
        several = [stop for text in targets.covering(target) for stop in exact.get(text, ())]
        several += patterns.of(target)
        if several:
            found[address] = sorted(several, key=lambda stop: (stop.since, stop.reason, stop.suppression_id))
    return found


def _stop(row: tuple[int, bool, str, int, int, datetime, datetime | None]) -> Stop:
    suppression_id, is_everywhere, target, covers, reason, since, until = row
    sentence = EVERYWHERE if is_everywhere else SENTENCES[Reason(reason)]
    return Stop(Reason(reason), sentence, suppression_id, target, Covers(covers), since, until, is_everywhere)


class _Patterns:
    """Patterns, of which each address is held against those of its own domain and those of several."""

    def __init__(self, stops: Iterable[Stop]) -> None:
        self.by_domain: dict[str, list[tuple[str, list[str], Stop]]] = defaultdict(list)
        for stop in stops:
            domain = stop.target.rpartition("@")[2]
            parts = stop.target.split("*")
            self.by_domain["" if "*" in domain else domain].append((max(parts, key=len), parts, stop))

    def of(self, target: Target) -> Iterator[Stop]:
        address = targets.plain(target)
        for domain in ("", target.domain):
            for longest, parts, stop in self.by_domain.get(domain, ()):
                # Nearly all that do not match are told by this, and quickly.
                if longest in address and _matches(address, parts):
                    yield stop


def _matches(address: str, parts: Sequence[str]) -> bool:
    """Whether the address is these parts with anything between them. Takes no longer for a pattern of many stars."""
    first, *middle, last = parts
    if len(address) < len(first) + len(last) or not (address.startswith(first) and address.endswith(last)):
        return False
    at, end = len(first), len(address) - len(last)
    for part in middle:
        found = address.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True

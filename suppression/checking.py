"""Who must not be mailed, asked for any number of addresses at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.utils import timezone

from suppression import targets
from suppression.models import Covers, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


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
# account's own list and the installation's: of both at once PostgreSQL would make a bitmap. And the targets as a
# parameter to itself, in one text: of thousands in its sight it would look up how common each is, which takes as long
# as the rest. No address that can be mailed has this character in it.
BETWEEN = "\1"
FIND = """
with asked as materialized (select string_to_array(%(targets)s, chr(1)) as targets)
select id, account_id, target, covers, reason, since, until from suppression_suppression
where account_id = %(account)s and target = any((select targets from asked)::text[])
union all
select id, account_id, target, covers, reason, since, until from suppression_suppression
where account_id is null and target = any((select targets from asked)::text[])
union all
select id, account_id, target, covers, reason, since, until from suppression_suppression
where account_id = %(account)s and covers = 4
union all
select id, account_id, target, covers, reason, since, until from suppression_suppression
where account_id is null and covers = 4
"""


REASONS, COVERS = {int(reason): reason for reason in Reason}, {int(covers): covers for covers in Covers}


class Stop(NamedTuple):
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
    asked = {address: targets.spelling(address) for address in {address.lower() for address in addresses}}
    if not asked:
        return {}
    above = {domain: targets.above(domain) for domain in {domain for _text, domain in asked.values()}}
    wanted = {text for text, _domain in asked.values()}.union(*above.values())
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"account": account_id, "targets": BETWEEN.join(wanted)})
        now = timezone.now()
        stops = [_stop(row) for row in cursor.fetchall() if row[-1] is None or row[-1] > now]
    exact: dict[str, list[Stop]] = defaultdict(list)
    for stop in stops:
        exact[stop.target].append(stop)
    by_domain = {domain: several for domain, texts in above.items() if (several := _of_any(exact, texts))}
    # Lists of its own: what stops a domain stops each address there.
    found: dict[str, list[Stop]] = defaultdict(list)
    for address, (text, domain) in asked.items() if stops else ():
        if text in exact or domain in by_domain:
            found[address] = exact.get(text, []) + by_domain.get(domain, [])
    patterns = [stop for stop in stops if stop.covers == Covers.PATTERN]
    plain = [(address, targets.plain(text)) for address, (text, _domain) in asked.items()] if patterns else []
    for stop in patterns:
        for address in _matching(plain, stop.target):
            found[address].append(stop)
    for several in found.values():
        several.sort(key=_earliest)
    return found


def _of_any(exact: Mapping[str, list[Stop]], texts: Iterable[str]) -> list[Stop]:
    return [stop for text in texts if text in exact for stop in exact[text]]


def _earliest(stop: Stop) -> tuple[datetime, Reason, int]:
    return stop.since, stop.reason, stop.suppression_id


def _stop(row: tuple[int, int | None, str, int, int, datetime, datetime | None]) -> Stop:
    suppression_id, account_id, target, number, reason_number, since, until = row
    reason, is_everywhere = REASONS[reason_number], account_id is None
    sentence = EVERYWHERE if is_everywhere else SENTENCES[reason]
    return Stop(reason, sentence, suppression_id, target, COVERS[number], since, until, is_everywhere)


def _matching(asked: Iterable[tuple[str, str]], pattern: str) -> list[str]:
    """The addresses that are the parts of this pattern with anything between them. Takes no longer for many stars."""
    first, *middle, last = pattern.split("*")
    least = len(first) + len(last)
    return [
        address
        for address, plain in asked
        # Nearly all that do not match are told by the end, and quickly.
        if plain.endswith(last)
        and plain.startswith(first)
        and len(plain) >= least
        and _has(plain[len(first) : len(plain) - len(last)], middle)
    ]


def _has(text: str, parts: Iterable[str]) -> bool:
    """Whether these come one after the other."""
    at = 0
    for part in parts:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True

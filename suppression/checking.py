"""Who must not be mailed, asked for any number of addresses at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils import timezone

from accounts import prepared
from suppression import targets
from suppression.models import Covers, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
with asked as materialized (select string_to_array(%(targets)s::text, chr(1)) as targets)
select {columns} from (
    select {all} from suppression_suppression
    where account_id = %(account)s::int and target = any((select targets from asked)::text[])
    union all
    select {all} from suppression_suppression
    where account_id is null and target = any((select targets from asked)::text[])
    union all
    select {all} from suppression_suppression where account_id = %(account)s::int and covers = 4
    union all
    select {all} from suppression_suppression where account_id is null and covers = 4) s
where until is null or until > %(now)s::timestamptz order by since, reason, id
"""
ALL = "id, account_id, target, covers, reason, since, until"
# A time takes as long to read as all the rest of a row.
STOPS = FIND.format(columns="target, covers, id, account_id, reason", all=ALL)
RULES = FIND.format(columns="target, covers, id, account_id, reason, since, until", all=ALL)
REASONS, COVERS = {int(reason): reason for reason in Reason}, {int(covers): covers for covers in Covers}


class Stop(NamedTuple):
    """Why an address must not be mailed, in the words of the feed, and the entry that says so."""

    reason: Reason
    sentence: str
    suppression_id: int


class Rule(NamedTuple):
    """An entry that stops an address: the same, what it covers, and from when until when."""

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
    rows, found = _find(STOPS, account_id, addresses)
    stops = {}
    for address, places in found.items():
        _target, _covers, suppression_id, owner, number = rows[min(places)]
        reason = REASONS[number]
        stops[address] = Stop(reason, EVERYWHERE if owner is None else SENTENCES[reason], suppression_id)
    return stops


def rules(account_id: int, addresses: Iterable[str]) -> dict[str, list[Rule]]:
    """The same with every entry that stops an address, the earliest first. One statement."""
    rows, found = _find(RULES, account_id, addresses)
    return {address: [_rule(rows[place]) for place in sorted(places)] for address, places in found.items()}


def _rule(row: tuple[Any, ...]) -> Rule:
    target, covers, suppression_id, owner, number, since, until = row
    reason, is_everywhere = REASONS[number], owner is None
    sentence = EVERYWHERE if is_everywhere else SENTENCES[reason]
    return Rule(reason, sentence, suppression_id, target, COVERS[covers], since, until, is_everywhere)


def _find(
    statement: str, account_id: int, addresses: Iterable[str]
) -> tuple[Sequence[tuple[Any, ...]], Mapping[str, Sequence[int]]]:
    """The entries that stop any of these addresses, the earliest first, and for each address which of them do."""
    asked = {address: targets.spelling(address) for address in {address.lower() for address in addresses}}
    if not asked:
        return (), {}
    above = {domain: targets.above(domain) for domain in {domain for _text, domain in asked.values()}}
    wanted = {text for text, _domain in asked.values()}.union(*above.values())
    with prepared.cursor() as cursor:
        told: dict[str, Any] = {"account": account_id, "targets": BETWEEN.join(wanted), "now": timezone.now()}
        cursor.execute(statement, told)
        rows = cursor.fetchall()
    if not rows:
        return (), {}
    exact: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        exact[row[0]].append(place)
    by_domain = {domain: several for domain, texts in above.items() if (several := _of_any(exact, texts))}
    # Lists of its own: what stops a domain stops each address there.
    found: dict[str, list[int]] = defaultdict(list)
    for address, (text, domain) in asked.items():
        if text in exact or domain in by_domain:
            found[address] = exact.get(text, []) + by_domain.get(domain, [])
    patterns = [(place, row[0]) for place, row in enumerate(rows) if row[1] == Covers.PATTERN]
    if patterns:
        plain = _Plain(asked)
        for place, pattern in patterns:
            for address in _matching(plain.at(pattern.rpartition("@")[2]), pattern):
                found[address].append(place)
    return rows, found


def _of_any(exact: Mapping[str, list[int]], texts: Iterable[str]) -> list[int]:
    return [place for text in texts if text in exact for place in exact[text]]


class _Plain:
    """Addresses as patterns are held against them: of a pattern's own domain, which are few, or all."""

    def __init__(self, asked: Mapping[str, tuple[str, str]]) -> None:
        self.every = [(address, targets.plain(text)) for address, (text, _domain) in asked.items()]
        self.by_domain: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for one, (_text, domain) in zip(self.every, asked.values(), strict=True):
            self.by_domain[domain].append(one)

    def at(self, domain: str) -> Sequence[tuple[str, str]]:
        return self.every if "*" in domain else self.by_domain.get(domain, ())


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

"""Which way the mail of an account goes, and by which rules: as people set it, remembered for a moment."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

from delivery import schedule
from delivery.models import RetryPolicy, SenderDomain, Transport
from tracking import switches
from tracking.models import Farewell, TrackingSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

# A change holds for what is claimed from then on.
REMEMBERED_SECONDS = 2.0


@dataclass(slots=True)
class Rules:
    """What is set of an account. `is_locked`: a secret of it cannot be read, so its mail waits (secrets.py)."""

    is_locked: bool = False
    transports: dict[int, Transport] = field(default_factory=dict)
    domains: dict[str, SenderDomain] = field(default_factory=dict)
    minutes: dict[str, Sequence[int]] = field(default_factory=dict)
    tracking: dict[str, TrackingSettings] = field(default_factory=dict)
    farewell: str = ""
    read_at: float = 0.0

    @property
    def default(self) -> Transport | None:
        """The way of mail whose sender's domain has none of its own; None is straight to the recipients' servers."""
        return next((t for t in self.transports.values() if t.is_default), None)

    def transport_of(self, sender: str) -> Transport | None:
        """The way mail of this sender goes."""
        domain = self.domain_of(sender)
        own = self.transports.get(domain.transport_id or 0) if domain is not None else None
        return own or self.default

    def domain_of(self, sender: str) -> SenderDomain | None:
        """The sender's domain, where the account has a key for it."""
        return self.domains.get(sender.rpartition("@")[2].lower())

    def possible(self) -> list[Transport | None]:
        """All the ways mail of this account may go."""
        own = {d.transport_id for d in self.domains.values() if d.transport_id is not None}
        return [self.default, *(self.transports[n] for n in own if n in self.transports)]

    def waits(self, recipient_domain: str) -> Sequence[int]:
        """The minutes between attempts."""
        return self.minutes.get(recipient_domain) or self.minutes.get("") or schedule.MINUTES

    def switches(self, sender: str, request: Mapping[str, object]) -> switches.Switches:
        """What is tracked of an email."""
        found = [self.tracking.get(name) for name in ("", sender.rpartition("@")[2].lower())]
        return switches.decide([row for row in found if row is not None], request, self.farewell)


class Book:
    """The rules of the accounts this process sends for. Each thread of it may ask; one of them reads."""

    def __init__(self) -> None:
        self.rules: dict[int, Rules] = {}

    def of(self, account_ids: Collection[int]) -> dict[int, Rules]:
        """The rules of these accounts. A handful of queries for those not read a moment ago."""
        now = time.monotonic()
        old = {i for i in account_ids if i not in self.rules or now - self.rules[i].read_at > REMEMBERED_SECONDS}
        if old:
            if len(self.rules) > 10_000:
                self.rules.clear()
                old = set(account_ids)
            self.rules |= read(old, now)
        return {i: self.rules[i] for i in account_ids}


def read(account_ids: Collection[int], now: float = 0.0) -> dict[int, Rules]:
    """What is set of these accounts now. One whose secrets cannot be read stops no other."""
    try:
        return _read(account_ids, now)
    except ImproperlyConfigured:
        if len(account_ids) == 1:
            return {account_id: Rules(is_locked=True, read_at=now) for account_id in account_ids}
    return {account_id: rules for one in account_ids for account_id, rules in read([one], now).items()}


def _read(account_ids: Collection[int], now: float) -> dict[int, Rules]:
    rules = {i: Rules(read_at=now) for i in account_ids}
    for transport in Transport.objects.filter(account_id__in=account_ids, enabled=True):
        rules[transport.account_id].transports[transport.id] = transport
    for domain in SenderDomain.objects.filter(account_id__in=account_ids):
        rules[domain.account_id].domains[domain.name] = domain
    for row in TrackingSettings.objects.filter(account_id__in=account_ids):
        rules[row.account_id].tracking[row.domain] = row
    for account_id, text in Farewell.objects.filter(account_id__in=account_ids).values_list("account_id", "link_text"):
        rules[account_id].farewell = text
    for account_id, minutes in waits(account_ids).items():
        rules[account_id].minutes = minutes
    return rules


def waits(account_ids: Collection[int]) -> dict[int, dict[str, Sequence[int]]]:
    """The minutes between attempts of accounts that set some, by recipient domain."""
    found: dict[int, dict[str, Sequence[int]]] = defaultdict(dict)
    for policy in RetryPolicy.objects.filter(account_id__in=account_ids):
        found[policy.account_id][policy.domain] = policy.minutes
    return found

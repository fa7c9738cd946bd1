"""How many emails there were, for how many suppressions are usual depends on it: the core, which knows, tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime


class Emails(NamedTuple):
    """How many emails there were lately, and in the last day or two."""

    lately: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """Those of an account, of all, by recipient domain and by source. What is missing is not known."""

    total: Emails = field(default_factory=Emails)
    domains: Mapping[str, Emails] = field(default_factory=dict)
    sources: Mapping[int, Emails] = field(default_factory=dict)


class Teller(Protocol):
    """The emails of an account that stand after `since` (lately), and of these days, to these domains."""

    def __call__(self, account_id: int, since: datetime, now: datetime, domains: Collection[str]) -> Volume: ...


_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    """Have it asked. Called once, when its app is loaded."""
    _tellers.append(teller)


def of(account_id: int, since: datetime, now: datetime, domains: Collection[str]) -> Volume:
    """What the first teller says; nothing where there is none."""
    return next((teller(account_id, since, now, domains) for teller in _tellers), Volume())

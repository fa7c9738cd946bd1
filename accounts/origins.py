"""What the sources of events are called and how they do: the app that keeps them tells the core, which has numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from accounts.access import Access


class Namer(Protocol):
    """The names of these sources of an account, as far as they exist; None: of all it has."""

    def __call__(self, account_id: int, source_ids: Collection[int] | None) -> Mapping[int, str]: ...


class State(Protocol):
    """One sentence on how a source does, with its icon and colour."""

    @property
    def icon(self) -> str: ...
    @property
    def tone(self) -> str: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source does: its page, the most telling first, and on average over the last day, in words or "", how long
    after they occurred events arrive here (`lateness`), and how long requests then wait to be read (`wait`)."""

    name: str
    url: str
    states: Sequence[State]
    lateness: str
    wait: str


class Teller(Protocol):
    """How the sources of an account do, by name."""

    def __call__(self, access: Access, now: datetime) -> Sequence[Standing]: ...


_namers: list[Namer] = []
_tellers: list[Teller] = []


def register(namer: Namer) -> None:
    """Let `namer` name the sources it keeps. Called once, when its app is loaded."""
    _namers.append(namer)


def register_teller(teller: Teller) -> None:
    """Let `teller` tell how the sources it keeps do. Called once, when its app is loaded."""
    _tellers.append(teller)


def standings(access: Access, now: datetime) -> list[Standing]:
    """How all sources of this account do."""
    return [standing for teller in _tellers for standing in teller(access, now)]


def names(account_id: int, source_ids: Collection[int] | None = None) -> dict[int, str]:
    """The names of these sources, or of all of the account; one that was deleted is missing."""
    found: dict[int, str] = {}
    for namer in _namers:
        found.update(namer(account_id, source_ids))
    return found

"""What the sources of events are called. The core knows them by number; the app that keeps them tells the names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Namer(Protocol):
    """The names of these sources of an account, as far as they exist; None: of all it has."""

    def __call__(self, account_id: int, source_ids: Collection[int] | None) -> Mapping[int, str]: ...


_namers: list[Namer] = []


def register(namer: Namer) -> None:
    """Let `namer` name the sources it keeps. Called once, when its app is loaded."""
    _namers.append(namer)


def names(account_id: int, source_ids: Collection[int] | None = None) -> dict[int, str]:
    """The names of these sources, or of all of the account; one that was deleted is missing."""
    found: dict[int, str] = {}
    for namer in _namers:
        found.update(namer(account_id, source_ids))
    return found

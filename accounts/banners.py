"""What the people of an account must be told wherever they begin: the apps that know it say so to the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from accounts.access import Access


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence, and where more of it is, with what that link is called."""

    sentence: str
    url: str
    link: str


class Teller(Protocol):
    """What is to be told to this account's people now."""

    def __call__(self, access: Access, now: datetime) -> Iterable[Banner]: ...


_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    """Have it asked. Called once, when the app that knows something is loaded."""
    _tellers.append(teller)


def of(access: Access, now: datetime) -> list[Banner]:
    """All there is to be told."""
    return [banner for teller in _tellers for banner in teller(access, now)]

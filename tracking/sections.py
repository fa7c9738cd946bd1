"""What other apps have people set on Settings > Customize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from accounts.access import Access
    from feeds.additions import Section


class Teller(Protocol):
    """Its part of this account's page."""

    def __call__(self, access: Access) -> Section: ...


_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    """Show its part of the page. Called once, when its app is loaded."""
    _tellers.append(teller)


def of(access: Access) -> list[Section]:
    """All parts, in the order in which their apps were loaded."""
    return [teller(access) for teller in _tellers]

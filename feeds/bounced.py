"""Who must hear of bounces: told of each new one in the transaction that writes it, so that none is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Bounced(NamedTuple):
    """An event that was not known before: whose, of which email, and its key."""

    account_id: int
    email_id: int
    key: int


class Listener(Protocol):
    """Hears of some bounces, of any accounts. Must not take longer the more there are than one statement does."""

    def __call__(self, bounced: Sequence[Bounced]) -> None: ...


_listeners: list[Listener] = []


def register(listener: Listener) -> None:
    """Have it told. Called once, when its app is loaded."""
    _listeners.append(listener)


def tell(bounced: Sequence[Bounced]) -> None:
    """Tell everybody, in the caller's transaction."""
    if bounced:
        for listener in _listeners:
            listener(bounced)

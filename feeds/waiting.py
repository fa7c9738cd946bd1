"""When an email that waits goes on: the app that sends tells the core, which has only events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from feeds.models import Email


@dataclass(frozen=True, slots=True)
class Wait:
    """An email that is still to be sent: when it is tried next, until when, and how often it was tried so far.

    `is_held`: nothing is tried until what holds it ends. `is_sending`: it is being tried at this moment.
    """

    next_at: datetime
    expires_at: datetime
    attempts: int
    is_held: bool = False
    is_sending: bool = False


class Teller(Protocol):
    """Those of these emails that are still to be sent, by id; in one query."""

    def __call__(self, email_ids: Collection[int]) -> Mapping[int, Wait]: ...


_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    """Let `teller` tell of the emails it sends. Called once, when its app is loaded."""
    _tellers.append(teller)


def of(emails: Iterable[Email]) -> dict[int, Wait]:
    """When those of these emails go on that are shown as retrying or held and were sent from here. No query where
    there are none: live pages ask for every change."""
    ids = [email.id for email in emails if (email.is_retrying or email.is_held) and email.is_ours]
    found: dict[int, Wait] = {}
    if ids:
        for teller in _tellers:
            found.update(teller(ids))
    return found

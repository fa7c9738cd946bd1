"""Second names of emails. What is sent here through a provider is known to the feed under our own id, and to the
provider's webhook under the provider's: both lead to the same email.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from django.db import connection

from feeds.batch import clean, digest_of, identity, recipient_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from feeds.events import Arrival

# An event may be posted before whoever sent the email has written down what the provider calls it. So long is waited
# for that, looking again after a while; then the event is about an email that somebody else sent.
PATIENCE, LOOK_AGAIN = timedelta(seconds=30), timedelta(seconds=2)

ALIAS = """
insert into feeds_message_key (key, email_id) select * from unnest(%s::uuid[], %s::bigint[]) order by 1
on conflict do nothing
"""


class Linked(Protocol):
    """Which of these sources tell of emails that are sent from here."""

    def __call__(self, source_ids: Collection[int]) -> Collection[int]: ...


_linked: list[Linked] = []


def register(linked: Linked) -> None:
    """Have `linked` asked. Called once, when the app that sends is loaded."""
    _linked.append(linked)


def alias(rows: Iterable[tuple[int, str, str, int]]) -> int:
    """Let what a source says of its (source id, message id, recipient) be about the email with this id.

    One statement, in the caller's transaction; returns how many names are new. A name that is taken stays where it is.
    """
    names = {
        digest_of(source_id, clean(message_id), recipient_of(recipient)): email_id
        for source_id, message_id, recipient, email_id in rows
    }
    if not names:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(ALIAS, [list(names), list(names.values())])
        return int(cursor.rowcount)


def early(arrivals: Sequence[Arrival], now: datetime) -> set[int]:
    """The inbox rows that are to be read a little later: they tell of emails nobody has named yet."""
    recent = [a for a in arrivals if a.inbox_id is not None and not a.is_test and now - a.received_at < PATIENCE]
    sources = {arrival.source_id for arrival in recent}
    linked = {source_id for ask in _linked if sources for source_id in ask(sources)}
    told = {a.inbox_id: _names_in(a) for a in recent if a.source_id in linked and a.inbox_id is not None}
    if not told:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "select replace(key::text, '-', '') from feeds_message_key where key = any(%s::uuid[])",
            [list(set().union(*told.values()))],
        )
        known = {key for (key,) in cursor.fetchall()}
    return {inbox_id for inbox_id, digests in told.items() if not digests <= known}


def _names_in(arrival: Arrival) -> set[str]:
    told = (identity(event) for event in arrival.events if event.message_id)
    return {digest_of(arrival.source_id, message_id, recipient) for recipient, message_id in told}

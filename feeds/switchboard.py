"""Who wants to hear of an email: in memory, and without asking each of hundreds of watches.

Watches that want one value of something exactly are found by that value; only the others are asked one by one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from feeds import terms
from feeds.leaving import may_have_held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feeds.models import Email
    from feeds.terms import Condition, Wanted
    from feeds.viewers import Viewer, Watch

type Key = tuple[str, str | int]


class Party:
    """The viewers who watch the same."""

    def __init__(self, watch: Watch) -> None:
        self.viewers: set[Viewer] = set()
        self.use(watch)

    def use(self, watch: Watch) -> None:
        """Be of this watch, which is for the same filter."""
        self.watch = watch
        self.keys = keys_of(watch.wanted)

    def wants(self, email: Email) -> bool:
        """Whether the email matches now."""
        return self.watch.wanted.matches(email)

    def may_lose(self, email: Email) -> bool:
        """Whether an email that does not match now may have matched before."""
        wanted = self.watch.wanted
        return wanted.low <= email.id < wanted.high and all(
            condition.matches(email) or may_have_held(condition, email) for condition in wanted.conditions
        )


class Switchboard:
    """All parties, found by what they want exactly."""

    def __init__(self) -> None:
        self.parties: dict[tuple[int, str, str], Party] = {}
        self._by_key: dict[tuple[int, Key | None], set[Party]] = defaultdict(set)

    def add(self, viewer: Viewer) -> None:
        """The youngest watch counts for all of its party: its filter was resolved last."""
        watch = viewer.watch
        party = self.parties.get(watch.key)
        if party is None:
            party = self.parties[watch.key] = Party(watch)
        else:
            self._unplug(party)
            party.use(watch)
        for key in party.keys:
            self._by_key[watch.account.id, key].add(party)
        party.viewers.add(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Also of one who is not there."""
        party = self.parties.get(viewer.watch.key)
        if party is None:
            return
        party.viewers.discard(viewer)
        if not party.viewers:
            self._unplug(party)
            del self.parties[viewer.watch.key]

    def _unplug(self, party: Party) -> None:
        for key in party.keys:
            place = party.watch.account.id, key
            self._by_key[place].discard(party)
            if not self._by_key[place]:
                del self._by_key[place]

    @property
    def viewers(self) -> Iterator[Viewer]:
        for party in self.parties.values():
            yield from party.viewers

    def asked(self, email: Email) -> Iterator[Party]:
        """The parties that may want this email, or may have it."""
        account_id = email.account_id
        yield from self._by_key.get((account_id, None), ())
        found = {party for key in email_keys(email) for party in self._by_key.get((account_id, key), ())}
        yield from found


def keys_of(wanted: Wanted) -> tuple[Key | None, ...]:
    """By what an email this wants can be found: it has at least one of these. None stands for every email."""
    found = [keys for condition in wanted.conditions if (keys := _keys(condition))]
    # The fewer, the fewer emails they fit: an address fits fewer than "either side".
    return min(found, key=len, default=(None,))


def _keys(condition: Condition) -> tuple[Key | None, ...]:
    match condition:
        case terms.Address(text=text, form="is") if text:
            return tuple((column, text) for column in condition.columns)
        case terms.Domain(name):
            return (("domain", name),)
        case terms.Id(text) if text:
            return (("id", text),)
        case terms.Argument(text) if text:
            return (("argument", text),)
        case terms.Tag(name) if name:
            return (("tag", name),)
        case terms.Source(ids):
            return tuple(("source", number) for number in ids)
    return ()


def email_keys(email: Email) -> list[Key]:
    """All by which an email is found."""
    recipient, message = email.recipient, email.message_id
    return [
        ("recipient", recipient),
        ("sender", email.sender),
        ("domain", recipient.rpartition("@")[2]),
        ("source", email.source_id),
        ("argument", email.argument),
        ("id", str(email.id)),
        ("id", message),
        ("id", message.removeprefix("<").removesuffix(">")),
        ("id", email.header_id),
        *(("tag", tag) for tag in email.tags),
    ]

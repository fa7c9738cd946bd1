"""Who wants to hear of an email: in memory, and without asking each of hundreds of watches.

Watches that want one value of something exactly are found by that value; only the others are asked one by one.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from feeds import terms
from feeds.leaving import may_have_held

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from feeds.models import Email
    from feeds.terms import Condition, Wanted
    from feeds.viewers import Viewer, Watch

type Key = tuple[str, str | int]

QUICK = (terms.OneOf, terms.Count, terms.Source)
# Of the emails that were told the last ones are known: more than the pages of a few viewers keep.
MOST_TOLD = 1000


class Party:
    """The viewers who watch the same."""

    def __init__(self, watch: Watch) -> None:
        self.viewers: set[Viewer] = set()
        self.told: dict[int, None] = {}
        self.older = 0
        self.use(watch)

    def use(self, watch: Watch) -> None:
        """Be of this watch, which is for the same filter."""
        self.watch = watch
        self.keys = keys_of(watch.wanted)
        # Numbers are compared before texts are looked through, and what never changes rules most out.
        self.conditions = sorted(
            watch.wanted.conditions, key=lambda condition: (not isinstance(condition, QUICK), condition.can_change)
        )

    def wants(self, email: Email) -> bool:
        """Whether the email, which is of the right account, matches now."""
        # This is asked for each email of each watch that cannot be found by a value.
        if not self.watch.wanted.low <= email.id < self.watch.wanted.high:
            return False
        for condition in self.conditions:  # noqa: SIM110 - without a generator it takes two thirds of the time
            if not condition.matches(email):
                return False
        return True

    def may_lose(self, email: Email, recent: datetime) -> bool:
        """Whether an email that does not match now may be on somebody's page: whether it may have matched before, and
        was there before they came, or was told. `recent` is as in feeds/leaving.py."""
        if email.id >= self.older and email.id not in self.told:
            return False
        wanted = self.watch.wanted
        return wanted.low <= email.id < wanted.high and all(
            condition.matches(email) or may_have_held(condition, email, recent) for condition in self.conditions
        )

    def note(self, email_ids: Iterable[int]) -> None:
        """That these were told."""
        for email_id in email_ids:
            self.told.pop(email_id, None)
            self.told[email_id] = None
        while len(self.told) > MOST_TOLD:
            del self.told[next(iter(self.told))]


class Switchboard:
    """All parties, found by what they want exactly."""

    def __init__(self) -> None:
        self.parties: dict[tuple[int, str, str], Party] = {}
        self._by_key: dict[tuple[int, Key | None], set[Party]] = defaultdict(set)

    @classmethod
    def of(cls, viewers: Iterable[Viewer]) -> Switchboard:
        """One with these on it."""
        board = cls()
        for viewer in viewers:
            board.add(viewer)
        return board

    def add(self, viewer: Viewer) -> Party:
        """Returns the party this viewer is of now. Its youngest watch counts for all: its filter was resolved last."""
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
        party.older = max(party.older, viewer.older)
        return party

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

"""How the servers of the simulated world answer: as the large providers do, and some as badly as any.

Pure but for its memory: which recipient was seen before, and how much came lately.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from simulator import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.people import Person

# These servers are a trial: one never answers, one ends the connection, one takes its time.
HANGS, DROPS, SLOW = "atlas-energy.example", "delta-law.example", "boreal-studio.example"
HANG_SECONDS, SLOW_SECONDS = 600.0, 20.0
# Small companies refuse whom they never saw, and take the next attempt.
GREYLISTS = ("labs.example", "school.example")
# A large provider takes so many in a minute and puts off the rest.
MOST_A_MINUTE = 120
NOBODY = "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table"
GREYLISTED = "450 4.2.0 <{to}>: Recipient address rejected: Greylisted, try again in 60 seconds"
EXPECTED = "250 2.1.5 Ok"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a recipient, after how many seconds; `ends`: the connection ends without a word."""

    reply: str
    after: float = 0.0
    ends: bool = False

    @property
    def accepts(self) -> bool:
        return self.reply.startswith("2")


class Mailboxes:
    """All the mailboxes there are; nobody else's mail is taken."""

    def __init__(self, people: Sequence[Person], rng: Random) -> None:
        self.people = {person.address: person for person in people}
        self._rng = rng
        self._seen: Counter[str] = Counter()
        self._lately: dict[str, deque[float]] = {}

    def recipient(self, address: str, now: float) -> Answer:
        """What the server of this address answers to RCPT TO at this moment (seconds of any clock)."""
        address = address.lower()
        domain = address.rpartition("@")[2]
        if domain == HANGS:
            return Answer(EXPECTED, after=HANG_SECONDS)
        if domain == DROPS and self._rng.random() < 0.5:
            return Answer("", ends=True)
        person = self.people.get(address)
        if person is None:
            return Answer(NOBODY.format(to=address))
        return Answer(self._said(self._rcpt(person, domain, now), person), SLOW_SECONDS if domain == SLOW else 0.0)

    def _rcpt(self, person: Person, domain: str, now: float) -> str:
        if person.gone:
            return catalogue.UNKNOWN[person.operator]
        if person.full:
            return catalogue.FULL[person.operator]
        if domain.endswith(GREYLISTS) and not self._seen[person.address]:
            self._seen[person.address] += 1
            return GREYLISTED
        if person.operator != catalogue.OTHER and self._too_many(person.operator, now):
            return catalogue.LATER[person.operator][0]
        return EXPECTED

    def _too_many(self, operator: str, now: float) -> bool:
        lately = self._lately.setdefault(operator, deque())
        while lately and now - lately[0] > 60:
            lately.popleft()
        if len(lately) >= MOST_A_MINUTE:
            return True
        lately.append(now)
        return False

    def message(self, address: str) -> Answer:
        """What the server answers when it has the whole message."""
        person = self.people[address.lower()]
        luck = self._rng.random()
        if luck < 0.01:
            return Answer(self._said(catalogue.BLOCKED[person.operator], person))
        if luck < 0.03:
            return Answer(self._said(self._rng.choice(catalogue.LATER[person.operator]), person))
        return Answer(self._said(self._rng.choice(catalogue.ACCEPTED[person.operator]), person))

    def _said(self, reply: str, person: Person) -> str:
        """One line: the catalogue has the first of several where a server says more."""
        line = reply.format(id=f"{self._rng.getrandbits(44):011X}", to=person.address, epoch=self._rng.getrandbits(31))
        return line[:3] + " " + line[4:]

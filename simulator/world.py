"""The simulated world: a seed and a clock give emails and what happens to them, and when providers tell it.

Pure: nothing is sent, nothing is read, and no clock is looked at. The same seed asked at the same moments tells the
same lives. Things happen at full seconds, and no kind of thing twice to an email within one, so that (source, message,
recipient, kind, second) names each of them.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log
from random import Random

from feeds.events import Bounce, Kind
from simulator import catalogue
from simulator.people import Person, people, zipf

# So many events are told twice, and so many later than those that follow them.
TWICE, OUT_OF_ORDER = 0.05, 0.05
# What providers tell that do not tell machines from people.
AS_PEOPLE = {Kind.MACHINE_OPENED: Kind.OPENED, Kind.MACHINE_CLICKED: Kind.CLICKED}
# How the emails are spread over the hours of a day (UTC), from midnight on.
DAY = (2, 1, 1, 1, 2, 3, 4, 6, 9, 11, 12, 12, 11, 12, 13, 12, 11, 10, 9, 8, 7, 6, 4, 3)


@dataclass(frozen=True, slots=True)
class Email:
    """One message to one recipient, sent through one provider."""

    id: str
    provider: str
    sender: catalogue.Sender
    to: Person
    subject: str
    url: str
    campaign: str
    born: datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened to an email at a full second. `reply` is what the recipient's server answered, or why not sent."""

    email: Email
    number: int
    kind: Kind
    at: datetime
    reply: str = ""
    bounce: Bounce = Bounce.NONE
    url: str = ""
    ip: str = ""
    agent: str = ""


class Life:
    """Writes down what happens to one email, in order."""

    def __init__(self, email: Email) -> None:
        self.email = email
        self.now = email.born
        self.happenings: list[Happening] = []
        self._taken: set[tuple[Kind, datetime]] = set()

    def add(self, kind: Kind, after: float = 0.0, **more: object) -> None:
        """So many seconds after what was before, in the next full second that has none of its kind."""
        self.now += timedelta(seconds=after)
        self.now = self.now.replace(microsecond=0)
        told = AS_PEOPLE.get(kind, kind)
        while (told, self.now) in self._taken:
            self.now += timedelta(seconds=1)
        self._taken.add((told, self.now))
        self.happenings.append(Happening(self.email, len(self.happenings), kind, self.now, **more))  # type: ignore[arg-type]


class World:
    """All that happens, in the order in which it is told."""

    def __init__(self, seed: int, providers: Mapping[str, float], known: Sequence[Person] = ()) -> None:
        """`providers` gives the share of the emails that goes through each, `known` who is written to."""
        self.rng = Random(seed)  # noqa: S311 - a play, not a secret
        self.providers = dict(providers)
        self.people = known or people(self.rng)
        self._often = list(itertools.accumulate(zipf(len(self.people))))
        self._senders = [sender.weight for sender in catalogue.SENDERS]
        self._due: list[tuple[datetime, int, Happening]] = []
        self._counter = itertools.count()
        # Who is on which provider's own suppression list, and why.
        self._suppressed: dict[tuple[str, str], str] = {}

    def next(self, now: datetime) -> Happening:
        """What is told next: the oldest that is due by `now`, else something of an email that begins now."""
        while not self._due or self._due[0][0] > now:
            self.begin(now)
        return heapq.heappop(self._due)[2]

    def due(self, now: datetime) -> Iterator[Happening]:
        """All that is to be told by `now`; no email begins."""
        while self._due and self._due[0][0] <= now:
            yield heapq.heappop(self._due)[2]

    def past(self, count: int, since: datetime, until: datetime) -> None:
        """So many emails that began between these moments, more by day than by night."""
        span = (until - since).total_seconds()
        births: list[datetime] = []
        while len(births) < count:
            born = since + timedelta(seconds=self.rng.uniform(0, span))
            if self.rng.uniform(0, max(DAY)) < DAY[born.hour]:
                births.append(born)
        for born in sorted(births):
            self.begin(born)

    def begin(self, born: datetime) -> None:
        """One more email, with all of its life."""
        for happening in self._live(self.email(born)):
            tell_at = happening.at + timedelta(seconds=0 if happening.number == 0 else self.rng.uniform(0, 1.5))
            if self.rng.random() < OUT_OF_ORDER:
                tell_at += timedelta(seconds=self.rng.uniform(3, 40))
            self._tell(tell_at, happening)
            if self.rng.random() < TWICE:
                self._tell(tell_at + timedelta(seconds=self.rng.uniform(0.5, 60)), happening)

    def _tell(self, at: datetime, happening: Happening) -> None:
        heapq.heappush(self._due, (at, next(self._counter), happening))

    def email(self, born: datetime) -> Email:
        """Somebody writes to somebody, at this moment."""
        rng = self.rng
        sender = rng.choices(catalogue.SENDERS, self._senders)[0]
        number = str(rng.randrange(10_000, 99_999))
        provider = rng.choices(list(self.providers), list(self.providers.values()))[0]
        return Email(
            # The time is part of it: another run of the same seed tells of other emails.
            id=f"{int(born.timestamp() * 1000):011x}{rng.getrandbits(40):010x}",
            provider=provider,
            sender=sender,
            to=self._recipient(provider),
            subject=rng.choice(sender.subjects).format(n=number),
            url=f"https://www.{sender.address.rpartition('@')[2]}/{sender.path.format(n=number)}",
            campaign=f"{sender.tags[0]}-{born:%Y-%m}",
            born=born,
        )

    def _recipient(self, provider: str) -> Person:
        """Mostly somebody who may be mailed: senders learn from what was dropped."""
        person = self.rng.choices(self.people, cum_weights=self._often)[0]
        while (provider, person.address) in self._suppressed and self.rng.random() < 0.8:
            person = self.rng.choices(self.people, cum_weights=self._often)[0]
        return person

    # ---- A life ---------------------------------------------------------------------------------------------

    def _live(self, email: Email) -> list[Happening]:
        life = Life(email)
        life.add(Kind.PROCESSED)
        cause = self._suppressed.get((email.provider, email.to.address))
        if cause:
            life.add(Kind.DROPPED, 0.3, reply=cause)
        elif self._arrives(life):
            self._read(life)
        return life.happenings

    def _arrives(self, life: Life) -> bool:
        """What the recipient's server does with it; gives whether it took it."""
        to, luck = life.email.to, self.rng.random()
        if to.gone:
            return self._bounces(life, catalogue.UNKNOWN[to.operator], Bounce.HARD)
        if luck < 0.012:
            return self._bounces(life, catalogue.BLOCKED[to.operator], Bounce.SOFT)
        if to.full:
            for _attempt in range(self.rng.randrange(2, 5)):
                self._deferred(life, catalogue.FULL[to.operator])
            if luck < 0.8:
                return self._bounces(life, catalogue.EXPIRED_FULL, Bounce.SOFT)
        elif luck < 0.06:
            for _attempt in range(self.rng.choice((1, 1, 1, 2, 3))):
                self._deferred(life, self.rng.choice(catalogue.LATER[to.operator]))
            if luck < 0.017:
                return self._bounces(life, catalogue.EXPIRED, Bounce.SOFT)
        accepted = self.rng.choice(catalogue.ACCEPTED[to.operator])
        life.add(Kind.DELIVERED, self._wait(2.5, 0.9), reply=self._say(life, accepted))
        return True

    def _deferred(self, life: Life, reply: str) -> None:
        life.add(Kind.DEFERRED, self._wait(60, 0.8), reply=self._say(life, reply))

    def _bounces(self, life: Life, reply: str, bounce: Bounce) -> bool:
        life.add(Kind.BOUNCED, self._wait(2, 0.8), reply=self._say(life, reply), bounce=bounce)
        if bounce is Bounce.HARD:
            self._suppress(life.email, "Bounced Address")
        return False

    def _read(self, life: Life) -> None:
        """What machines and people do with a delivered email."""
        to, rng = life.email.to, self.rng
        arrived = life.now
        if to.private and rng.random() < 0.9:
            life.add(Kind.MACHINE_OPENED, self._wait(40, 1.4), ip="198.51.100.17", agent=catalogue.APPLE_PRIVACY)
        elif to.proxied and rng.random() < 0.15:
            life.add(Kind.MACHINE_OPENED, self._wait(3, 0.5), ip="203.0.113.66", agent=catalogue.GOOGLE_PROXY)
        if to.scanned:
            life.add(Kind.MACHINE_CLICKED, self._wait(4, 0.5), ip="203.0.113.80", agent=catalogue.SCANNER,
                     url=life.email.url)  # fmt: skip
        life.now = arrived
        if rng.random() < 0.42:
            self._opened(life)
        elif rng.random() < 0.002:
            self._reported(life)

    def _opened(self, life: Life) -> None:
        """A person opens it, perhaps again, and may follow a link, leave the list or complain."""
        to, rng = life.email.to, self.rng
        seen = {"ip": to.ip, "agent": catalogue.GOOGLE_PROXY if to.proxied else to.agent}
        life.add(Kind.OPENED, self._wait(180, 1.7), **seen)
        while rng.random() < 0.25:
            life.add(Kind.OPENED, self._wait(900, 1.5), **seen)
        if rng.random() < 0.24:
            life.add(Kind.CLICKED, self._wait(20, 0.8), ip=to.ip, agent=to.agent, url=life.email.url)
            while rng.random() < 0.2:
                life.add(Kind.CLICKED, self._wait(60, 1.0), ip=to.ip, agent=to.agent, url=life.email.url)
        if "newsletter" in life.email.sender.tags and rng.random() < 0.03:
            life.add(Kind.UNSUBSCRIBED, self._wait(30, 0.8), ip=to.ip, agent=to.agent)
            self._suppress(life.email, "Unsubscribed Address")
        elif rng.random() < 0.004:
            self._reported(life)

    def _reported(self, life: Life) -> None:
        life.add(Kind.SPAM, self._wait(600, 1.0))
        self._suppress(life.email, "Spam Reporting Address")

    def _suppress(self, email: Email, cause: str) -> None:
        self._suppressed.setdefault((email.provider, email.to.address), cause)

    def _wait(self, median: float, spread: float) -> float:
        """Seconds, log-normal: mostly about the median, sometimes many times as long."""
        return exp(self.rng.gauss(log(median), spread))

    def _say(self, life: Life, reply: str) -> str:
        return reply.format(id=f"{self.rng.getrandbits(44):011X}", to=life.email.to.address,
                            epoch=int(life.now.timestamp()))  # fmt: skip

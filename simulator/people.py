"""Who receives mail in the simulated world, and how they read it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from simulator import catalogue

PEOPLE = 4000
# Of all mailboxes, so many do not exist any more, and so many are full; none of those that are mailed the most.
GONE, FULL = 0.012, 0.008
IN_USE = 100
READS_BY_OPERATOR = {
    catalogue.APPLE: (1.0, 0.0), catalogue.GOOGLE: (0.25, 0.4), catalogue.MICROSOFT: (0.2, 0.0),
    catalogue.YAHOO: (0.25, 0.0), catalogue.OTHER: (0.2, 0.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """One mailbox. `operator` runs its server; `private` is Apple's Mail Privacy Protection, `proxied` Google's."""

    address: str
    operator: str
    agent: str
    ip: str
    gone: bool
    full: bool
    private: bool
    proxied: bool
    scanned: bool


def people(rng: Random, count: int = PEOPLE) -> list[Person]:
    """The first of them receive the most mail (see `weights`)."""
    tail = [f"{word}-{end}.example" for word in catalogue.TAIL_WORDS for end in catalogue.TAIL_ENDS]
    domains = [*catalogue.DOMAINS, *tail]
    shares = [*catalogue.DOMAINS.values(), *zipf(len(tail), catalogue.TAIL_SHARE)]
    found = rng.choices(domains, shares, k=count)
    return [_person(rng, number, domain) for number, domain in enumerate(found)]


def zipf(count: int, total: float = 1.0) -> list[float]:
    """Shares of `total` that fall with the rank."""
    weights = [1 / (rank + 10) for rank in range(count)]
    return [weight * total / sum(weights) for weight in weights]


def _person(rng: Random, number: int, domain: str) -> Person:
    first, last = rng.choice(catalogue.FIRST_NAMES), rng.choice(catalogue.LAST_NAMES)
    operator = catalogue.OPERATORS.get(domain, catalogue.OTHER)
    private, proxied = READS_BY_OPERATOR[operator]
    company = domain.endswith(".example")
    luck = rng.random() if number >= IN_USE else 1.0
    return Person(
        address=f"{first}.{last}{number}@{domain}",
        operator=operator,
        agent=rng.choice(catalogue.PEOPLE_READ_WITH),
        # RFC 5737: these belong to nobody.
        ip=f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randrange(1, 255)}",
        gone=luck < GONE,
        full=GONE <= luck < GONE + FULL,
        private=rng.random() < private,
        proxied=rng.random() < proxied,
        scanned=company and rng.random() < 0.3,
    )

"""DNS, remembered as long as its answers say. `ask` is the one place that talks to the network: tests replace it."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.exception
import dns.resolver
from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 5.0
# However long or short an answer may be kept by its own word, it is kept within these bounds (seconds).
SHORTEST, LONGEST, UNKNOWN = 30.0, 3600.0, 60.0
MOST_REMEMBERED = 50_000


class NoSuchName(Exception):
    """The name does not exist (NXDOMAIN)."""


class NoAnswer(Exception):
    """Nobody who should know answered: a timeout, SERVFAIL and the like. It may work later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of a name and kind as text (of MX: "10 mx.example.com"), and how long they may be kept."""

    records: Sequence[str]
    seconds: float


_resolver = threading.local()


def ask(name: str, kind: str) -> Answer:
    """Ask the network. No records is an answer, too. Raises NoSuchName and NoAnswer."""
    resolver = getattr(_resolver, "it", None)
    if resolver is None:
        resolver = _resolver.it = dns.resolver.Resolver()
        resolver.lifetime, resolver.timeout = SECONDS, SECONDS / 2
    try:
        found = resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        if not _knows_the_root(resolver):
            raise NoAnswer(f"{kind} of {name}: the resolver of this machine denies every name") from None
        raise NoSuchName(name) from None
    except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
        raise NoAnswer(f"{kind} of {name}: {type(error).__name__}") from None
    if found.rrset is None:
        return Answer((), UNKNOWN)
    return Answer([_text(record, kind) for record in found.rrset], float(found.rrset.ttl))


def _knows_the_root(resolver: dns.resolver.Resolver) -> bool:
    """Whether it may be believed that a name does not exist: mail to it bounces, and the address is suppressed. A
    resolver that was cut off and denies whatever it is asked must not fill the list."""
    try:
        return resolver.resolve(".", "NS", raise_on_no_answer=False, search=False).rrset is not None
    except (dns.exception.DNSException, OSError):
        return False


def _text(record: object, kind: str) -> str:
    if kind == "TXT":
        return b"".join(record.strings).decode(errors="replace")  # type: ignore[attr-defined]
    return str(record)


type Known = Answer | NoSuchName

_known: dict[tuple[str, str], tuple[float, Known]] = {}


def look_up(name: str, kind: str, *, afresh: bool = False) -> Sequence[str]:
    """The records of a name, remembered. Raises NoSuchName and NoAnswer; the latter is never remembered."""
    key = (name.lower().rstrip("."), kind)
    until, known = _known.get(key, (0.0, None))
    if known is None or afresh or until < time.monotonic():
        known = _ask(*key)
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        seconds = known.seconds if isinstance(known, Answer) else UNKNOWN
        _known[key] = time.monotonic() + min(max(seconds, SHORTEST), LONGEST), known
    if isinstance(known, NoSuchName):
        raise NoSuchName(name)
    return known.records


def _ask(name: str, kind: str) -> Known:
    try:
        return ask(name, kind)
    except NoSuchName as error:
        return error


def forget() -> None:
    """Remember nothing any more."""
    _known.clear()


def addresses(host: str) -> list[str]:
    """The IP addresses of a host, those of version 4 first. Raises NoSuchName and NoAnswer; none is [].

    What is an address already is its own answer.
    """
    try:
        return [str(ip_address(host.strip("[]")))]
    except ValueError:
        pass
    if host == "localhost":
        return ["127.0.0.1"]
    found: list[str] = []
    missing: NoAnswer | None = None
    for kind in ("A", "AAAA"):
        try:
            found += look_up(host, kind)
        except NoAnswer as error:
            missing = error
    if not found and missing:
        raise missing
    return found


class NullMX(Exception):
    """The domain says that it takes no mail (RFC 7505)."""


def mail_hosts(domain: str) -> list[str]:
    """The servers that take mail for a domain, the best first, equals in random order; the domain itself without MX.

    Raises NullMX, NoSuchName and NoAnswer.
    """
    hosts: list[tuple[int, float, str]] = []
    for record in look_up(domain, "MX"):
        preference, _blank, host = record.partition(" ")
        if host.strip() == ".":
            raise NullMX(domain)
        hosts.append((int(preference), random.random(), host.strip().rstrip(".")))  # noqa: S311  # spreads load
    return [host for _preference, _chance, host in sorted(hosts)] or [domain]


def route_of(domain: str) -> tuple[str, int] | None:
    """Where settings send the mail of this domain, whatever DNS says; None where they say nothing."""
    routes: dict[str, tuple[str, int]] = settings.MX_ROUTES
    if not routes:
        return None
    if domain in routes:
        return routes[domain]
    labels = domain.split(".")
    above = (f".{'.'.join(labels[n:])}" for n in range(1, len(labels)))
    return next((routes[name] for name in (*above, "*") if name in routes), None)

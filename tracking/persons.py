"""Was it a person or a machine? One pure function over what is known of a visit, its email and its neighbours.

Nothing is ever dropped for this: the answer says under which of two kinds a visit is kept. In doubt it is a person's,
marked as unsure; a person is never taken for a machine for being quick, or for one link followed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from feeds.agents import Nature, nature

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# What each sign is worth. 60 and more is a machine, 30 and more is unsure.
MACHINE, UNSURE = 60, 30
SCORES = {
    # Their own names (feeds/agents.py).
    "apple": 100, "gmail-ahead": 100, "yahoo-ahead": 100, "scanner": 100, "preview": 100, "program": 90,
    "scanner-network": 90, "provider-network": 25,
    # How it was asked. No mail program and no browser does these for a person who looks.
    "head": 90, "prefetch": 70, "hidden": 100,
    # What was asked beside it. 836 sweeps of scanners in one log (craft-campaign, issue 546): after a median of 43 s,
    # and then all links within a second; the time since delivery alone would have caught 0.5 % of them.
    "sweep": 100, "sweeper": 80, "after-head": 60, "echo": 25,
    # When. A person may be that quick, so these say nothing alone.
    "before-delivery": 40, "at-delivery": 20,
    "crowd": 25, "nameless": 35, "mute": 15,
}  # fmt: skip
# Noted as the visit was made; all else is found again from what is stored.
FACTS = ("head", "prefetch", "hidden", "mute", "crowd")
# The networks of Barracuda's Email Gateway Defense (campus.barracuda.com: "IP Ranges") and of Proofpoint (its list for
# firewalls). Mail of a customer passes through them and nobody reads mail there.
NETWORKS = [
    ip_network(text)
    for text in ("64.235.144.0/20", "209.222.80.0/21", "67.231.144.0/20", "148.163.128.0/19", "185.132.180.0/22")
]
# Those of providers that look into mail, and whose people read mail as well: with another sign it is unsure, with two
# a machine. Google: the TXT records of _netblocks.google.com and _netblocks2.google.com. Microsoft: "Office 365 URLs
# and IP address ranges", Exchange Online, 10. Apple: the IPv4 registry of IANA. Where iCloud Private Relay comes from
# is a list of thousands that changes (mask-api.icloud.com), and Apple's proxy is known by its name.
PROVIDERS = [
    ip_network(text)
    for text in (
        *("35.190.247.0/24", "64.233.160.0/19", "66.102.0.0/20", "66.249.80.0/20", "72.14.192.0/18", "74.125.0.0/16"),
        *("108.177.8.0/21", "173.194.0.0/16", "209.85.128.0/17", "216.58.192.0/19", "216.239.32.0/19"),
        *("2001:4860:4000::/36", "2404:6800:4000::/36", "2607:f8b0:4000::/36", "2800:3f0:4000::/36"),
        *("2a00:1450:4000::/36", "2c0f:fb50:4000::/36"),
        *("40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17", "2a01:111:f400::/48"),
        "17.0.0.0/8",
    )
]
AHEAD = timedelta(seconds=10)
AT_DELIVERY = timedelta(seconds=5)
SWEEP, SWEEP_LINKS = timedelta(seconds=2), 3
# Neighbours further away than this say nothing.
NEIGHBOURS = timedelta(seconds=60)
AFTER_HEAD = timedelta(seconds=5)
ECHO = timedelta(seconds=15)
CROWD = 10


class Verdict(StrEnum):
    PERSON = "person"
    UNSURE = "unsure"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Visit:
    """One open (url "") or click. `facts` are of FACTS."""

    at: datetime
    ip: str
    agent: str
    url: str = ""
    facts: frozenset[str] = frozenset()

    @property
    def is_click(self) -> bool:
        return bool(self.url)

    def is_by_visitor_of(self, other: Visit) -> bool:
        """Whether program and address are the same."""
        return (self.ip, self.agent) == (other.ip, other.agent)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who it was, and the signs that say so, the strongest first."""

    verdict: Verdict
    score: int
    reasons: tuple[str, ...]

    @property
    def is_machine(self) -> bool:
        return self.verdict == Verdict.MACHINE

    @property
    def comment(self) -> str:
        """The reasons as an event keeps them."""
        unsure = ("unsure",) if self.verdict == Verdict.UNSURE else ()
        return ", ".join(unsure + self.reasons)


def judge(visit: Visit, delivered_at: datetime | None, neighbours: Sequence[Visit]) -> Judgement:
    """Judge one visit. `delivered_at` is None where nobody said so yet; `neighbours` are the email's other visits."""
    near = [other for other in neighbours if abs(other.at - visit.at) <= NEIGHBOURS]
    signs = {*_program(visit, delivered_at), *_manner(visit), *_company(visit, near)}
    if delivered_at is not None and nature(visit.agent) not in (Nature.GMAIL, Nature.YAHOO):
        if visit.at < delivered_at:
            signs.add("before-delivery")
        elif visit.at < delivered_at + AT_DELIVERY:
            signs.add("at-delivery")
    reasons = tuple(sorted(signs, key=lambda sign: (-SCORES[sign], sign)))
    score = sum(SCORES[sign] for sign in reasons)
    verdict = Verdict.MACHINE if score >= MACHINE else Verdict.UNSURE if score >= UNSURE else Verdict.PERSON
    return Judgement(verdict, score, reasons)


def _program(visit: Visit, delivered_at: datetime | None) -> Iterator[str]:
    """What its name and its network say."""
    kind = nature(visit.agent)
    if kind in (Nature.GMAIL, Nature.YAHOO):
        # They load a picture as somebody opens the email, and at times ahead.
        if delivered_at is not None and visit.at < delivered_at + AHEAD:
            yield f"{kind}-ahead"
    elif kind == Nature.APPLE and visit.is_click:
        # Apple's proxy loads pictures and follows no links: this is a program that hides.
        yield "nameless"
    elif kind:
        yield str(kind)
    elif not visit.agent.strip():
        yield "nameless"
    network = _network(visit.ip)
    # Proxies that load for people are where their providers are.
    if network and not (network == "provider-network" and kind in (Nature.GMAIL, Nature.YAHOO)):
        yield network


def _network(ip: str) -> str:
    """The sign that this address is, "" for most."""
    try:
        address = ip_address(ip)
    except ValueError:
        return ""
    signs = {"scanner-network": NETWORKS, "provider-network": PROVIDERS}
    return next((sign for sign, networks in signs.items() if any(address in network for network in networks)), "")


def _manner(visit: Visit) -> Iterator[str]:
    # Image proxies and mail programs name no language either; for a browser that follows a link it is odd.
    yield from (fact for fact in visit.facts if fact != "mute" or visit.is_click)


def _company(visit: Visit, near: Sequence[Visit]) -> Iterator[str]:
    """What the email's other visits say."""
    if visit.is_click and _is_sweep(visit, near):
        yield "sweep"
    elif any(other.is_by_visitor_of(visit) and other.is_click and _is_sweep(other, near) for other in near):
        yield "sweeper"
    if not visit.is_click:
        return
    before = [other for other in near if other.url == visit.url and timedelta() <= visit.at - other.at <= ECHO]
    for other in before:
        if "head" in other.facts and other.ip == visit.ip and visit.at - other.at <= AFTER_HEAD:
            yield "after-head"
        elif other.at < visit.at and other.ip != visit.ip and other.agent != visit.agent:
            yield "echo"


def _is_sweep(visit: Visit, near: Iterable[Visit]) -> bool:
    """Whether three different links, this one among them, were followed within two seconds."""
    clicks = sorted(
        (other.at, other.url) for other in (visit, *near) if other.is_click and abs(other.at - visit.at) <= SWEEP
    )
    for start, _url in clicks:
        if start > visit.at:
            break
        within = {url for at, url in clicks if start <= at <= start + SWEEP}
        if start + SWEEP >= visit.at and len(within) >= SWEEP_LINKS:
            return True
    return False

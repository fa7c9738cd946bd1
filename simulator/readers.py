"""What people and machines do with mail that was taken: what is planned for one email, and when.

Pure: a seed gives the same lives. Times are seconds after the mail came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from html import unescape
from math import exp, log
from random import Random
from typing import TYPE_CHECKING

from simulator import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from simulator.people import Person

PIXEL = re.compile(r"""<img\b[^>]*\bsrc=["']([^"']+)["'][^>]*>""", re.IGNORECASE)
LINK = re.compile(r"""<a\b[^>]*\bhref=["'](https?:[^"']+)["']""", re.IGNORECASE)
ONE_CLICK = re.compile(r"<(https?:[^>]+)>")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it arrived: where it came from, to whom, and what can be followed in it."""

    envelope_from: str
    recipient: str
    raw: bytes
    pixels: tuple[str, ...]
    links: tuple[str, ...]
    leave: str


@dataclass(frozen=True, slots=True)
class Act:
    """Something done with a letter: `what` is get, head, leave (a one-click POST), bounce, complain or away."""

    after: float
    what: str
    url: str = ""
    agent: str = ""
    ip: str = ""


def letter(envelope_from: str, recipient: str, raw: bytes) -> Letter:
    """Read a mail as a mail client would."""
    message: EmailMessage = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("html",))
    html = str(body.get_content()) if body is not None else ""
    leave = ONE_CLICK.search(str(message.get("List-Unsubscribe", "")))
    return Letter(
        envelope_from=envelope_from,
        recipient=recipient,
        raw=raw,
        pixels=tuple(unescape(url) for url in PIXEL.findall(html) if url.startswith("http")),
        links=tuple(unescape(url) for url in LINK.findall(html)),
        leave=leave[1] if leave and message.get("List-Unsubscribe-Post") else "",
    )


class Readers:
    """Plans what is done with each letter."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def plan(self, letter: Letter, person: Person) -> list[Act]:
        """All that will be done with it, in order."""
        if self._rng.random() < 0.006:
            return [Act(self._wait(20, 0.6), "bounce")]
        acts = [*self._machines(letter, person), *self._people(letter, person)]
        return sorted(acts, key=lambda act: act.after)

    def _machines(self, letter: Letter, person: Person) -> Iterator[Act]:
        if person.private and letter.pixels and self._rng.random() < 0.9:
            yield Act(self._wait(30, 1.0), "get", letter.pixels[-1], catalogue.APPLE_PRIVACY, "198.51.100.17")
        if person.scanned:
            start = self._wait(12, 0.6)
            for number, link in enumerate(letter.links):
                yield Act(start + number * 0.2, "head", link, catalogue.SCANNER, "203.0.113.80")
                yield Act(start + number * 0.2 + 0.1, "get", link, catalogue.SCANNER, "203.0.113.80")
        if self._rng.random() < 0.01:
            yield Act(self._wait(5, 0.5), "away")

    def _people(self, letter: Letter, person: Person) -> Iterator[Act]:
        if self._rng.random() > 0.42 or not letter.pixels:
            return
        at = self._wait(60, 1.2)
        yield Act(at, "get", letter.pixels[-1], catalogue.GOOGLE_PROXY if person.proxied else person.agent, person.ip)
        if letter.links and self._rng.random() < 0.3:
            at += self._wait(15, 0.7)
            yield Act(at, "get", self._rng.choice(letter.links), person.agent, person.ip)
        luck = self._rng.random()
        if luck < 0.02 and letter.leave:
            yield Act(at + self._wait(10, 0.6), "leave", letter.leave, person.agent, person.ip)
        elif luck < 0.025:
            yield Act(at + self._wait(30, 0.8), "complain")

    def _wait(self, median: float, spread: float) -> float:
        """Seconds, log-normal: mostly about the median, sometimes many times as long."""
        return exp(self._rng.gauss(log(median), spread))

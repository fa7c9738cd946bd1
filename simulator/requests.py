"""From happenings to the requests that tell them: gathered into lists where the provider does so, and signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from simulator.formats import FORMATS, Told
from simulator.sources import Target
from simulator.world import Happening
from webhooks import signing
from webhooks.providers import standard

# A provider that sends lists waits this long for more.
GATHER_SECONDS = 1.0


class Fact(TypedDict):
    """What an event of the feed must say that came of this happening: it names the event among all of its source."""

    message_id: str
    recipient: str
    kind: int
    at: int


@dataclass(slots=True)
class Request:
    """One webhook request, the same at every try but for its signature. `id` is the provider's own of it."""

    id: str
    target: Target
    body: bytes
    facts: Sequence[Fact]
    tries: int = 0

    def signed(self, now: datetime, url: str) -> tuple[bytes, dict[str, str]]:
        """The body and the headers to send at this moment."""
        provider, secrets = self.target.provider, self.target.secrets
        body, headers = signing.sign(provider, self.body, "application/json", secrets, now, url)
        if provider == "resend":
            # Svix tries again under the id of the first time, by which the feed knows the event.
            named, _stamp, proof = standard.headers("svix")
            headers[named] = self.id
            headers[proof] = standard.expected(secrets["signing_secret"], self.id, now, body)
        return body, headers


@dataclass(slots=True)
class Gathering:
    """What waits to be told in one list."""

    since: float = 0.0
    id: str = ""
    told: list[Told] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


class Gatherer:
    """Makes requests of happenings and hands them on."""

    def __init__(self, targets: Sequence[Target], hand_on: Callable[[Request], None]) -> None:
        self.targets = {target.provider: target for target in targets}
        self.hand_on = hand_on
        self.gatherings = {target.provider: Gathering() for target in targets}

    def add(self, happening: Happening, now: float) -> bool:
        """Tell this, at once or with others; gives whether its provider tells such things at all."""
        provider = happening.email.provider
        form, gathering = FORMATS[provider], self.gatherings[provider]
        told, kind = form.tell(happening), form.kind(happening)
        if told is None or kind is None:
            return False
        if not gathering.told:
            gathering.since, gathering.id = now, f"msg_{happening.email.id}{happening.number}"
        gathering.told.append(told)
        gathering.facts.append(
            {
                "message_id": form.message_id(happening),
                "recipient": happening.email.to.address,
                "kind": int(kind),
                "at": int(happening.at.timestamp()),
            }
        )
        if len(gathering.told) >= form.most:
            self._hand_on(provider)
        return True

    def flush(self, now: float) -> None:
        """Hand on the lists that waited long enough."""
        for provider, gathering in self.gatherings.items():
            if gathering.told and now - gathering.since >= GATHER_SECONDS:
                self._hand_on(provider)

    def _hand_on(self, provider: str) -> None:
        gathering, self.gatherings[provider] = self.gatherings[provider], Gathering()
        body = FORMATS[provider].body(gathering.told)
        self.hand_on(Request(gathering.id, self.targets[provider], body, gathering.facts))

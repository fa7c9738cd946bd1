"""An email that was sent from here, and its addresses, for the tests of what happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Account
from feeds import inbox
from feeds.events import Arrival, Event, Kind
from feeds.lifecycle import record
from feeds.models import Email, StoredEvent
from tests import make
from tracking.door import Door
from tracking.tokens import Signer, Target

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"


@dataclass
class Sent:
    """An email of an account, and what signs for it."""

    email: Email
    signer: Signer

    @property
    def events(self) -> list[StoredEvent]:
        kinds = (Kind.PROCESSED, Kind.DELIVERED)
        return list(StoredEvent.objects.filter(email_id=self.email.id).exclude(kind__in=kinds).order_by("occurred_at"))

    @property
    def kinds(self) -> list[Kind]:
        return [Kind(event.kind) for event in self.events]

    def link(self, target: str = "https://example.com/") -> str:
        return self.signer.link(Target.of(target))

    def now(self) -> Email:
        return Email.objects.get(id=self.email.id)


def sent(account: Account | None = None, recipient: str = "bob@example.com", ago: float = 600) -> Sent:
    """An email that was delivered so many seconds ago."""
    account = account or make.account()
    at = timezone.now() - timedelta(seconds=ago)
    uid = f"m{Email.objects.count()}"
    told = [Event(kind, uid, recipient, at, event_id=kind.name, sender="shop@acme.test")
            for kind in (Kind.PROCESSED, Kind.DELIVERED)]  # fmt: skip
    ids = record([Arrival(account.id, -account.id, at, told)], with_ids=True).ids
    email = Email.objects.get(id=ids[-account.id, uid, recipient])
    return Sent(email, Signer(account.id, email.id))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def passed_on(scope: Any, receive: Any, send: Any) -> None:
    host = dict(scope["headers"]).get(b"host", b"")
    await send({"type": "http.response.start", "status": 299, "headers": [(b"x-host", host)]})
    await send({"type": "http.response.body", "body": b""})


def ask(*paths: str, method: str = "GET", agent: str = CHROME, ip: str = "192.0.2.7", **headers: str) -> list[Answer]:
    """What the door answers to these requests, which come at the same time. A header may have several lines."""
    named = {"host": "links.acme.test", "user-agent": agent, "accept-language": "en"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [(name, line) for name, value in named.items() if value for line in value.split("\n")]
    raw = [(name.encode("latin-1"), line.encode("latin-1")) for name, line in lines]
    door = Door(passed_on)

    async def one(path: str) -> Answer:
        messages: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            messages.append(message)

        scope = {"type": "http", "method": method, "path": path, "client": (ip, 5), "headers": raw}
        await door(scope, None, send)
        told = {name.decode(): value.decode("latin-1") for name, value in messages[0]["headers"]}
        return Answer(messages[0]["status"], told, messages[1]["body"])

    async def all_of_them() -> Sequence[Answer]:
        return await asyncio.gather(*map(one, paths))

    return list(asyncio.run(all_of_them()))


def read() -> None:
    """What a worker does when it is told."""
    inbox.work()

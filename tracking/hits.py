"""A hit: somebody loaded the pixel, followed a link, or looked at the page to unsubscribe at. As it is kept."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from feeds import keeping, spool
from feeds.inbox import CannotRead, Incoming
from tracking.tokens import Named, Note, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KIND = "tracking-hit"
# Longer ones are cut: who sends them is no mail program.
LONGEST_AGENT = 500
# By these a browser says that nobody may ever look at what it loads (Chrome and Safari, Firefox).
PURPOSES = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
# All that is read of a request's headers.
_READ = {b"user-agent", b"accept-language", *PURPOSES}


class What(StrEnum):
    """What was done."""

    OPEN = "open"
    CLICK = "click"
    LOOK = "look"  # at the page to unsubscribe at
    LEAVE = "unsubscribe"
    ONE_CLICK = "one-click"  # the mail program's own button (RFC 8058)
    RETURN = "resubscribe"


WHAT = {Purpose.PIXEL: What.OPEN, Purpose.LINK: What.CLICK, Purpose.LEAVE: What.LOOK}


class Hit(NamedTuple):
    """One request, as far as it tells who made it. `id` is its own, `at` in milliseconds since 1970; `undoes` is the id
    of the unsubscription that is taken back. In this order it stands in a row, without the names."""

    id: str
    what: What
    account_id: int
    email_id: int
    at: int
    ip: str = ""
    agent: str = ""
    method: str = "GET"
    url: str = ""
    purpose: str = ""
    speaks: bool = True
    hidden: bool = False
    undoes: str = ""

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromtimestamp(self.at / 1000, UTC)


def hit(what: What, named: Named, at: float, method: str, ip: str, headers: Iterable[tuple[bytes, bytes]]) -> Hit:
    """A hit of the email that was named, at this time in seconds since 1970; the names of the headers are lower case.

    Once for each open and click of the world: what is not needed is not looked at.
    """
    said = {name: value for name, value in headers if name in _READ}
    purpose = next((said[name] for name in PURPOSES if name in said), b"")
    # Its id need not be a secret, and the kernel is not asked for it.
    return Hit(
        f"{random.getrandbits(64):016x}",
        what,
        named.account_id,
        named.email_id,
        int(at * 1000),
        ip[:64],
        said.get(b"user-agent", b"")[:LONGEST_AGENT].decode("latin-1"),
        method,
        named.target,
        purpose[:40].decode("latin-1"),
        b"accept-language" in said,
        Note.HIDDEN in named.note,
    )


def keep(hits: Iterable[Hit]) -> None:
    """Keep these until they are read: one row for each account. Raises OSError where nothing can be written."""
    keeping.keep(_rows(hits))


def put_aside(hits: Iterable[Hit]) -> None:
    """Keep these on disk, whether or not the database is there. Raises OSError where nothing can be written."""
    for row in _rows(hits):
        spool.keep(row)


def _rows(hits: Iterable[Hit]) -> list[Incoming]:
    by_account: dict[int, list[Hit]] = defaultdict(list)
    for one in hits:
        by_account[one.account_id].append(one)
    return [_incoming(account_id, told) for account_id, told in sorted(by_account.items())]


def _incoming(account_id: int, told: Sequence[Hit]) -> Incoming:
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    # Under the source that the account's own sending has.
    return Incoming(
        account_id, -account_id, KIND, told[0].occurred_at, "application/json", {},
        body.encode("utf-8", "replace"),
    )  # fmt: skip


def stored(body: bytes) -> list[Hit]:
    """The hits of a row. Raises CannotRead."""
    try:
        told: Any = json.loads(body)
        for one in told:
            one[1] = What(one[1])
        return [Hit(*one) for one in told]
    except (ValueError, TypeError, IndexError) as error:
        raise CannotRead(f"A list of hits was expected: {error}.") from error

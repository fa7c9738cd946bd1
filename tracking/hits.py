"""A hit: somebody loaded the pixel, followed a link, or looked at the page to unsubscribe at. As it is kept."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from feeds import keeping
from feeds.inbox import CannotRead, Incoming
from tracking.tokens import Named, Note, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

KIND = "tracking-hit"
# Longer ones are cut: who sends them is no mail program.
LONGEST_AGENT = 500
# By these a browser says that nobody may ever look at what it loads (Chrome and Safari, Firefox).
PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")


class What(StrEnum):
    """What was done."""

    OPEN = "open"
    CLICK = "click"
    LOOK = "look"  # at the page to unsubscribe at
    LEAVE = "unsubscribe"
    ONE_CLICK = "one-click"  # the mail program's own button (RFC 8058)
    RETURN = "resubscribe"


WHAT = {Purpose.PIXEL: What.OPEN, Purpose.LINK: What.CLICK, Purpose.LEAVE: What.LOOK}


@dataclass(slots=True)
class Hit:
    """One request, as far as it tells who made it. `id` is its own, `at` in milliseconds since 1970."""

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

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromtimestamp(self.at / 1000, UTC)


# In this order each stands in a row, without its names.
FIELDS = tuple(Hit.__slots__)


def hit(what: What, named: Named, at: datetime, method: str, ip: str, headers: Mapping[str, str]) -> Hit:
    """A hit of the email that was named; the names of the headers are lower case."""
    return Hit(
        secrets.token_hex(8),
        what,
        named.account_id,
        named.email_id,
        int(at.timestamp() * 1000),
        ip[:64],
        headers.get("user-agent", "")[:LONGEST_AGENT],
        method,
        named.target,
        next((headers[name] for name in PURPOSES if name in headers), "")[:40],
        "accept-language" in headers,
        Note.HIDDEN in named.note,
    )


def keep(hits: Iterable[Hit]) -> None:
    """Keep these until they are read: one row for each account. Raises OSError where nothing can be written."""
    by_account: dict[int, list[Hit]] = defaultdict(list)
    for one in hits:
        by_account[one.account_id].append(one)
    keeping.keep([_incoming(account_id, told) for account_id, told in sorted(by_account.items())])


def _incoming(account_id: int, told: Sequence[Hit]) -> Incoming:
    body = json.dumps([[*map(one.__getattribute__, FIELDS)] for one in told], ensure_ascii=False, separators=(",", ":"))
    # Under the source that the account's own sending has.
    return Incoming(
        account_id, -account_id, KIND, told[0].occurred_at, "application/json", {},
        body.encode("utf-8", "replace"),
    )  # fmt: skip


def stored(body: bytes) -> list[Hit]:
    """The hits of a row. Raises CannotRead."""
    try:
        told: Any = json.loads(body)
        return [Hit(**dict(zip(FIELDS, one, strict=True)) | {"what": What(one[1])}) for one in told]
    except (ValueError, TypeError, IndexError) as error:
        raise CannotRead(f"A list of hits was expected: {error}.") from error

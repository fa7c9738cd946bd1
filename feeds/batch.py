"""Events of many arrivals, sorted out by email and freed of repeats, as rows for the temporary tables."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from feeds.events import Bounce, Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from feeds.events import Arrival, Event

# An email stands in the feed where its first event says; one that claims to be older than this, or to come from the
# future, stands where it arrived: providers re-send for a day or two, and a wrong clock must not hide an email.
BELIEVED = timedelta(days=7)

# Longer texts are cut: no field of a feed is a place to fill a disk. An address has 320 letters at the most (RFC 3696).
LONGEST = {"address": 320, "line": 1000, "text": 4000}
MOST_TAGS = 50
INBOX_ID, KIND, COMMENT = 4, 7, 11  # where a row for the table of events has them


def clean(text: str, longest: str = "line") -> str:
    """Cut, and without what PostgreSQL cannot hold: NUL and half of a surrogate pair."""
    text = text[: LONGEST[longest]]
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.replace("\0", "").encode(errors="replace").decode()


@lru_cache(maxsize=4096)
def array(tags: tuple[str, ...]) -> str:
    """A PostgreSQL array of these texts, sorted, each once."""
    words = sorted({clean(str(tag)) for tag in tags[:MOST_TAGS] if tag})
    return "{" + ",".join('"' + w.replace("\\", r"\\").replace('"', r"\"") + '"' for w in words) + "}"


def identity(event: Event) -> tuple[str, str]:
    """Recipient and message id of an event as its email keeps them."""
    return recipient_of(event.recipient), clean(event.message_id)


def recipient_of(address: str) -> str:
    """A recipient's address as its email keeps it."""
    return clean(address, "address").strip().lower()


def digest_of(source_id: int, message_id: str, recipient: str) -> str:
    """The key by which a source's id of a message and a recipient lead to an email: 32 hex digits.

    Both as `identity` gives them.
    """
    return blake2b(f"{source_id}\0{message_id}\0{recipient}".encode(), digest_size=16).hexdigest()


def _parts(addr: str) -> tuple[str, str]:
    local, _at, domain = addr.rpartition("@")
    return local, domain


class Draft:
    """What a batch says of one email."""

    __slots__ = ("account_id", "argument", "header_id", "is_test", "key", "message_id", "n", "place_at", "recipient",
                 "sender", "source_id", "subject", "tags")  # fmt: skip

    def __init__(self, n: int, key: str, arrival: Arrival, message_id: str, recipient: str) -> None:
        self.n, self.key, self.message_id, self.recipient = n, key, message_id, recipient
        self.account_id, self.source_id = arrival.account_id, arrival.source_id
        self.place_at = arrival.received_at
        self.sender = self.subject = self.argument = self.header_id = ""
        self.tags: tuple[str, ...] = ()
        self.is_test = False

    def hear(self, arrival: Arrival, event: Event) -> None:
        """Take in what one more event says; of two different words the larger stays, whatever the order."""
        received = arrival.received_at
        if event.occurred_at < self.place_at and received - event.occurred_at <= BELIEVED:
            self.place_at = event.occurred_at
        if event.sender:
            self.sender = max(self.sender, clean(event.sender, "address").lower())
        if event.subject:
            self.subject = max(self.subject, clean(event.subject))
        if event.argument:
            self.argument = max(self.argument, clean(event.argument))
        if event.header_id:
            self.header_id = max(self.header_id, clean(event.header_id).strip().removeprefix("<").removesuffix(">"))
        if event.tags:
            tags = tuple(event.tags)
            self.tags = tags if not self.tags or self.tags == tags else (*self.tags, *tags)
        self.is_test |= arrival.is_test

    def row(self) -> tuple[Any, ...]:
        return (self.n, self.key, self.place_at.isoformat(), self.account_id, self.source_id, self.is_test,
                self.message_id, self.recipient, self.sender, self.subject, self.argument,
                self.header_id, array(self.tags) if self.tags else "{}")  # fmt: skip


class Batch:
    """The emails and the distinct events of some arrivals, and which requests told one of them again."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        self.drafts: dict[str, Draft] = {}
        self.rows: dict[tuple[int, int], tuple[Any, ...]] = {}
        self.repeats: list[tuple[Any, ...]] = []
        for arrival in arrivals:
            received = arrival.received_at.isoformat()
            for event in arrival.events:
                self._add(arrival, received, event)

    def _add(self, arrival: Arrival, received: str, event: Event) -> None:
        key = event.key()
        draft = self._draft(arrival, event, key)
        draft.hear(arrival, event)
        known = self.rows.get((draft.n, key))
        if known is not None:
            if arrival.inbox_id not in (None, known[INBOX_ID]):
                self.repeats.append((draft.n, key, arrival.inbox_id, received))
            return
        self.rows[draft.n, key] = (
            draft.n, key, event.occurred_at.isoformat(), received, arrival.inbox_id, arrival.account_id,
            arrival.source_id, int(event.kind), int(event.bounce if event.kind == Kind.BOUNCED else Bounce.NONE),
            clean(event.name), clean(event.code), clean(event.comment, "text"), clean(event.url, "text"),
            clean(event.ip), clean(event.user_agent), int(event.held),
        )  # fmt: skip

    def _draft(self, arrival: Arrival, event: Event, event_key: int) -> Draft:
        """The email this event is about. One that names no message is an email of its own: an orphan."""
        recipient, message_id = identity(event)
        digest = digest_of(arrival.source_id, message_id or f"\0{event_key}", recipient)
        draft = self.drafts.get(digest)
        if draft is None:
            draft = self.drafts[digest] = Draft(len(self.drafts), digest, arrival, message_id, recipient)
        return draft

    @property
    def size(self) -> int:
        """How many events there are."""
        return len(self.rows)

    @property
    def account_ids(self) -> Collection[int]:
        return {draft.account_id for draft in self.drafts.values()}

    @property
    def is_tagged(self) -> bool:
        return any(draft.tags for draft in self.drafts.values())

    def says_why(self, kinds: Collection[Kind]) -> bool:
        """Whether an event of these kinds has a comment."""
        return any(row[KIND] in kinds and row[COMMENT] for row in self.rows.values())

    @property
    def may_have_twins(self) -> bool:
        """Whether an email may be in it under two names: ours, and the one a provider has for it."""
        sources = {draft.source_id for draft in self.drafts.values()}
        return len(sources) > 1 and min(sources) < 0

    def addresses(self) -> Sequence[tuple[int, str, str, str]]:
        """Each distinct address once: account, local part, domain, whole."""
        seen = {(draft.account_id, draft.recipient) for draft in self.drafts.values()}
        seen |= {(draft.account_id, draft.sender) for draft in self.drafts.values() if draft.sender}
        return [(account_id, *_parts(addr), addr) for account_id, addr in seen]

    def emails(self) -> Sequence[tuple[Any, ...]]:
        return [draft.row() for draft in self.drafts.values()]

    def events(self) -> Sequence[tuple[Any, ...]]:
        return list(self.rows.values())

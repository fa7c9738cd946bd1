"""Why entries are on the list, as their pages tell it: who or what it was, and whether the proof is still kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.utils.translation import gettext as _

from accounts import origins
from suppression.models import Cause, Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from accounts.access import Access
    from suppression.lists import List
    from suppression.models import Suppression
    from suppression.targets import Target

# Of an entry with more causes than this the page says "many more".
MOST_COUNTED = 100
FIRST = """
select c.*, n.n as beside from unnest(%s::bigint[]) e (id)
cross join lateral (select * from suppression_cause where suppression_id = e.id order by at, ident limit 1) c
cross join lateral (
    select count(*) - 1 as n from (select from suppression_cause where suppression_id = e.id limit %s) a) n
"""


class Keeper(Protocol):
    """Which of these emails the account still shows."""

    def __call__(self, access: Access, email_ids: Collection[int], now: datetime) -> Collection[int]: ...


class Counter(Protocol):
    """How many recipients the account knows that this target covers, at most `most` (None: that takes too long)."""

    def __call__(self, access: Access, target: Target, most: int) -> int | None: ...


_keepers: list[Keeper] = []
_counters: list[Counter] = []


def register(keeper: Keeper, counter: Counter) -> None:
    """Have the app that keeps emails asked for them. Called once, when it is loaded."""
    _keepers.append(keeper)
    _counters.append(counter)


def kept(access: Access | None, email_ids: Collection[int], now: datetime) -> set[int]:
    """Those of these emails that can still be looked at."""
    if access is None or not email_ids:
        return set()
    return {email_id for keeper in _keepers for email_id in keeper(access, email_ids, now)}


def recipients(access: Access | None, target: Target, most: int) -> int | None:
    """How many known recipients this target covers; None where nobody can say quickly."""
    found = [counter(access, target, most) for counter in _counters] if access else []
    return next((n for n in found if n is not None), None)


@dataclass(frozen=True, slots=True)
class Proof:
    """A cause as it is told: `who` it was, in words, and the email that shows it, where it is still kept."""

    cause: Cause
    who: str
    email_id: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with its earliest cause, and how many causes there are beside it."""

    entry: Suppression
    proof: Proof | None
    beside: int

    @property
    def is_beside_many(self) -> bool:
        return self.beside >= MOST_COUNTED


def lines(at: List, entries: Sequence[Suppression], now: datetime) -> list[Line]:
    """These entries as a list shows them; as many statements for all as for one."""
    causes = list(Cause.objects.raw(FIRST, [[entry.id for entry in entries], MOST_COUNTED + 1])) if entries else []
    told = {proof.cause.suppression_id: proof for proof in proofs(at, causes, now)}
    beside = {cause.suppression_id: getattr(cause, "beside", 0) for cause in causes}
    return [Line(entry, told.get(entry.id), beside.get(entry.id, 0)) for entry in entries]


def proofs(at: List, causes: Sequence[Cause], now: datetime) -> list[Proof]:
    """These causes in words."""
    emails = kept(at.access, {cause.email_id for cause in causes if cause.email_id is not None}, now)
    asked = {cause.source_id for cause in causes if cause.source_id is not None}
    sources = origins.names(at.account_id, asked) if asked and at.account_id is not None else {}
    return [
        Proof(
            cause,
            who(cause, sources.get(cause.source_id or 0, "")),
            cause.email_id if cause.email_id in emails else None,
        )
        for cause in causes
    ]


def who(cause: Cause, source: str = "") -> str:
    """Who or what it was."""
    name = cause.actor_name
    if cause.origin == Origin.EVENT:
        return _("Event from %(source)s") % {"source": source} if source else _("An event")
    if cause.origin == Origin.KEY:
        return _("API key %(name)s") % {"name": name} if name else _("The API")
    if cause.origin == Origin.IMPORT:
        return _("Import by %(name)s") % {"name": name} if name else _("An import")
    return name or _("By hand")

"""One look at what changed: which emails are new to whom, who of them wants which, and how their rows are drawn."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils import timezone, translation

from feeds import live, rows
from feeds.leaving import RECENT
from feeds.models import Email
from feeds.viewers import MOST_ROWS, News

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feeds.live import Cursor
    from feeds.switchboard import Party, Switchboard
    from feeds.viewers import Viewer

# Of an account at most so many changed emails are looked at at once; whoever missed more reads the page afresh.
MOST_EMAILS = 25_000
# So many are in memory at a time, and for each party.
EMAILS_AT_ONCE, KEPT_FOR_PARTY = 1000, 4 * MOST_ROWS


def look(board: Switchboard, now: Cursor, drawn: Drawn) -> list[tuple[Viewer, News]]:
    """What is new to the viewers of this board, of the moment that `live.one_moment` gave. Raises django.db.Error."""
    cursors = {viewer.known for viewer in board.viewers}
    if not cursors:
        return []
    since = Since.of(cursors, {party.watch.account.id for party in board.parties.values()}, now)
    found = _find(board, since.emails)
    return [one for party in board.parties.values() for one in since.told(party, found.get(party), drawn)]


def _find(board: Switchboard, email_ids: list[int]) -> dict[Party, Found]:
    """Load these emails and ask who wants them."""
    found: dict[Party, Found] = defaultdict(Found)
    recent = timezone.now() - RECENT
    for first in range(0, len(email_ids), EMAILS_AT_ONCE):
        for email in Email.objects.filter(id__in=email_ids[first : first + EMAILS_AT_ONCE]):
            for party in board.asked(email):
                if party.wants(email):
                    found[party].add(email)
                elif party.may_lose(email, recent):
                    found[party].gone.append(email.id)
    return found


@dataclass(slots=True)
class Found:
    """What a party is told at most; some of its viewers know a part of it. Of many that match, only the first are kept
    as more than a number."""

    matching: dict[int, Email | None] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)

    def add(self, email: Email) -> None:
        self.matching[email.id] = email if len(self.matching) < KEPT_FOR_PARTY else None


class Drawn:
    """The rows of one look, each drawn once for each language when it is first asked for; as JSON strings."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str], str] = {}
        self._now = timezone.now()

    def of(self, party: Party, emails: Iterable[Email]) -> dict[int, str]:
        """The rows of these emails by id, for this party."""
        language, known = party.watch.language, self._rows
        missing = [email for email in emails if (email.id, language) not in known]
        if missing:
            with translation.override(language):
                for email, row in zip(missing, rows.draw(missing, party.watch.account, self._now), strict=True):
                    known[email.id, language] = json.dumps(row)
        return {email.id: known[email.id, language] for email in emails}


@dataclass(frozen=True, slots=True)
class Since:
    """What is new to each of the cursors: which emails, or for which accounts nobody can say."""

    emails: list[int]
    new: dict[Cursor, set[int]]
    lost: dict[Cursor, set[int]]

    @classmethod
    def of(cls, cursors: set[Cursor], account_ids: set[int], now: Cursor) -> Since:
        known = {cursor for cursor in cursors if not cursor.is_lost(now)}
        found = live.changes(known, account_ids, MOST_EMAILS) if known else []
        new: dict[Cursor, set[int]] = {cursor: set() for cursor in known}
        lost: dict[Cursor, set[int]] = {cursor: set() for cursor in known}
        lost |= dict.fromkeys(cursors - known, account_ids)
        for cursor in known:
            for change in found:
                if not cursor.has(change.xid):
                    if change.emails is None:
                        lost[cursor].add(change.account_id)
                    else:
                        new[cursor].update(change.emails)
        return cls(sorted(set().union(*new.values())), new, lost)

    def told(self, party: Party, found: Found | None, drawn: Drawn) -> list[tuple[Viewer, News]]:
        """What each viewer of the party is told. Those of the same cursor are told the same."""
        news: dict[Cursor, News | None] = {}
        for viewer in party.viewers:
            if viewer.known not in news:
                news[viewer.known] = self._news(party, viewer.known, found, drawn)
        return [(viewer, one) for viewer in party.viewers if (one := news[viewer.known]) is not None]

    def _news(self, party: Party, cursor: Cursor, found: Found | None, drawn: Drawn) -> News | None:
        if party.watch.account.id in self.lost[cursor]:
            return News({}, is_lost=True)
        if found is None:
            return None
        new = self.new[cursor]
        matching = found.matching.keys() & new
        gone = [email_id for email_id in found.gone if email_id in new]
        emails = [email for email_id in matching if (email := found.matching[email_id])]
        if len(matching) > MOST_ROWS or len(emails) < len(matching):
            return News({}, many=len(matching))
        party.note(matching)
        return News(drawn.of(party, emails), gone) if matching or gone else None

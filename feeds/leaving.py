"""Whether an email may have matched before: what leaves a filter must leave the page.

Only what an email is now is known. But most of it goes one way: statuses rise, counts and tags grow, and a text that
was not known becomes known. So for a condition that does not hold it can be said whether it may have held; in doubt it
may, and the page is told of an email it does not show.
"""

from __future__ import annotations

import operator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from feeds import terms
from feeds.events import Held, Status
from feeds.staging import FIRST_TIMES

if TYPE_CHECKING:
    from datetime import datetime

    from feeds.models import Email
    from feeds.terms import Condition

# What happened longer ago was in the feed before, unless it came late or waited long to be read.
RECENT = timedelta(hours=3)
COMPARED = {"=": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}
FIRST = {"opens": "opened_at", "clicks": "clicked_at"}


class Unknown:
    """An email as it was before anybody told its texts."""

    sender = subject = argument = header_id = ""
    tags: tuple[str, ...] = ()

    def __init__(self, email: Email) -> None:
        self._email = email

    def __getattr__(self, name: str) -> Any:
        return getattr(self._email, name)


def may_have_held(condition: Condition, email: Email, recent: datetime) -> bool:
    """Of a condition that does not hold now: whether it may have, before the email's last change. What happened before
    `recent` (see RECENT) did not end it just now.

    Two senders (subjects, arguments) that are told of one email are not thought of.
    """
    negated = isinstance(condition, terms.Not)
    match condition.condition if isinstance(condition, terms.Not) else condition:
        case terms.OneOf(statuses):
            return _rose(email, recent) and any((lower in statuses) != negated for lower in _had(email))
        case terms.Count(column, sign, number):
            return _grew(email, recent, column, sign, number, negated=negated)
        case terms.Had(kinds):
            times = [getattr(email, FIRST_TIMES[kind]) if kind in FIRST_TIMES else email.last_at for kind in kinds]
            return negated and any(_is_recent(email, at, recent) for at in times)
        case terms.Mark(names):
            return negated or any(_bore(name, email, recent) for name in names)
        case terms.Text(column="comment") | terms.Code() | terms.ReasonIs():
            return _is_recent(email, email.comment_at, recent)
    return condition.can_change and _is_recent(email, email.first_at, recent) and condition.matches(Unknown(email))


def _bore(mark: str, email: Email, recent: datetime) -> bool:
    """Whether it may have had this mark, of those that end."""
    if mark == "retrying":
        return email.deferrals > 0 and _rose(email, recent)
    return mark == "held" and (
        _is_recent(email, email.held_at, recent) or (email.held != Held.NO and _rose(email, recent))
    )


def _is_recent(email: Email, at: datetime | None, recent: datetime) -> bool:
    return email.is_late or (at is not None and at > recent)


def _at(email: Email, status: int) -> datetime | None:
    found: datetime | None = getattr(email, f"{Status(status).name.lower()}_at")
    return found


def _rose(email: Email, recent: datetime) -> bool:
    """Whether the email has its status only since a short time ago."""
    return _is_recent(email, _at(email, email.status), recent)


def _had(email: Email) -> list[int]:
    """The statuses it may have had before: without any event of its own an email is processed."""
    return [lower for lower in range(email.status) if lower == Status.PROCESSED or _at(email, lower)]


def _grew(email: Email, recent: datetime, column: str, sign: str, number: int, *, negated: bool) -> bool:
    now = getattr(email, column)
    before = [n for n in (0, number - 1, number, now - 1) if 0 <= n < now]
    if not any(COMPARED[sign](n, number) != negated for n in before):
        return False
    # What holds for none but zero ended with the first.
    return _is_recent(email, getattr(email, FIRST[column]), recent) or any(
        COMPARED[sign](n, number) != negated for n in before if n
    )

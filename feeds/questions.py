"""Figures as questions to the feed: the address that shows exactly the emails that were counted."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from django.urls import reverse

from feeds.periods import midnight
from feeds.query import Filter, Term

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from feeds.periods import Span


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A moment in the query language: a day where one begins, else a time; with its offset where a clock that is set
    back shows this time twice."""
    if midnight(at.astimezone(zone).date(), zone) == at.astimezone(UTC):
        return at.astimezone(zone).date().isoformat()
    local = at.astimezone(zone)
    return (local if local.fold else local.replace(tzinfo=None)).isoformat(timespec="minutes")


def text(*terms: tuple[str, Sequence[str]]) -> str:
    """These terms as somebody would type them."""
    return Filter(tuple(Term(key, tuple(values)) for key, values in terms)).text


def within(span: Span, zone: ZoneInfo) -> str:
    """The emails that stand in this time."""
    return text(("after", [moment(span.starts_at, zone)]), ("before", [moment(span.ends_at, zone)]))


class Feed:
    """The addresses of an account's feed."""

    def __init__(self, slug: str) -> None:
        self.base = reverse("feed", args=[slug])

    def url(self, *texts: str) -> str:
        """The address of a question, in one or several parts; empty ones do not count."""
        return f"{self.base}?q={'+'.join(map(_quoted, filter(None, texts)))}"


# A page has a thousand addresses, put together from a hundred parts.
_quoted = lru_cache(maxsize=4096)(quote_plus)

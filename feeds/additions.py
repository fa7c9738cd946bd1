"""What other apps add to the pages of the core: sections of an email's page, things to do with a filter's emails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from accounts.access import Access
    from feeds.models import Email
    from feeds.query import Filter


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an email's page: a template, and what it is drawn from, as `section`."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)


class Teller(Protocol):
    """The section of this email, or None where there is nothing to tell."""

    def __call__(self, access: Access, email: Email, now: datetime) -> Section | None: ...


@dataclass(frozen=True, slots=True)
class Tool:
    """A link beside the list of a filter's emails."""

    title: str
    icon: str
    url: str


class Offer(Protocol):
    """What may be done with the emails of a filter, or None for somebody who may not."""

    def __call__(self, access: Access, wanted: Filter) -> Tool | None: ...


_tellers: list[Teller] = []
_offers: list[Offer] = []


def register_section(teller: Teller) -> None:
    """Show this section on the pages of emails. Called once, when its app is loaded."""
    _tellers.append(teller)


def register_tool(offer: Offer) -> None:
    """Offer this beside the list. Called once, when its app is loaded."""
    _offers.append(offer)


def sections(access: Access, email: Email, now: datetime) -> list[Section]:
    """All there is to tell of this email beside its events."""
    return [section for teller in _tellers if (section := teller(access, email, now)) is not None]


def tools(access: Access, wanted: Filter) -> list[Tool]:
    """All that may be done with the emails of this filter."""
    return [tool for offer in _offers if (tool := offer(access, wanted)) is not None]

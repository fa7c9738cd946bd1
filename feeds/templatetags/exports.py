"""How exports are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from feeds.exports.models import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from feeds.exports.models import Export, SavedView
    from feeds.query import Filter

register = template.Library()


@register.filter
def left(export: Export) -> str:
    """The time it will still take, in words; "" while nobody can tell."""
    left = export.time_left(timezone.now())
    if left is None:
        return ""
    seconds = round(left.total_seconds())
    if seconds < 60:
        return gettext("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 100:
        return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    return ngettext("about %(n)d hour left", "about %(n)d hours left", hours) % {"n": hours}


@register.filter
def still_there(emails: int | None, gone: int) -> int:
    """How many emails are in the file."""
    return (emails or 0) - gone


@register.filter
def why(export: Export) -> str:
    """Why it failed, in the language of whoever looks."""
    return gettext(export.error) if export.error else ""


@register.filter
def state_name(export: Export) -> str:
    return State(export.state).name.lower()


@register.simple_tag
def current_view(views: Iterable[SavedView], wanted: Filter | None) -> SavedView | None:
    """The view whose filter is the one that is shown."""
    text = wanted.text if wanted else ""
    return next((view for view in views or () if text and view.query == text), None)

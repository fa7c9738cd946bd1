"""What the pages of suppressions are drawn with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import NoReverseMatch
from django.utils import timezone

from suppression import forms, lists, targets
from suppression.models import Covers, Reason

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.template import Context

    from accounts.navigation import Link
    from suppression.listing import Count
    from suppression.models import Removed, Suppression

register = template.Library()


@register.simple_tag(takes_context=True)
def list_url(context: Context, name: str, *args: object) -> str:
    """The address of this page of the list that is shown; "" where it has no such page."""
    at: lists.List = context["at"]
    try:
        return at.url(name, *args)
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def list_tabs(context: Context) -> list[Link]:
    """The pages of the list that is shown, the one that is open marked."""
    match = getattr(context.get("request"), "resolver_match", None)
    return lists.tabs(context["at"], getattr(match, "url_name", None) or "")


# The colours and signs of the statuses that the same events give emails.
SIGNS = {
    Reason.HARD_BOUNCE: ("is-bounced", "mail-x"),
    Reason.SPAM: ("is-spam", "flag"),
    Reason.UNSUBSCRIBED: ("is-unsubscribed", "user-minus"),
    Reason.MANUAL: ("is-dropped", "pencil"),
    Reason.INVALID: ("is-processed", "question-mark"),
}


@register.simple_tag
def reason_css(reason: int | None) -> str:
    return SIGNS[Reason(reason)][0] if reason else ""


@register.simple_tag
def reason_icon(reason: int | None) -> str:
    return SIGNS[Reason(reason)][1] if reason else "ban"


@register.inclusion_tag("suppression/reason.html")
def reason_badge(reason: int) -> dict[str, Any]:
    """A reason: colour, sign and word."""
    found = Reason(reason)
    css, icon = SIGNS[found]
    return {"label": found.label, "css": css, "icon": icon}


@register.filter
def shown(entry: Suppression | Removed) -> str:
    """Its target as people read it."""
    return targets.shown(entry.target, entry.covers)


@register.filter
def is_wide(entry: Suppression | Removed) -> bool:
    """Whether it covers more than one address."""
    return entry.covers != Covers.ADDRESS


@register.filter
def last_day(until: datetime | None) -> date | None:
    """The day on which it holds last."""
    return forms.last_day(until)


@register.filter
def is_over(entry: Suppression) -> bool:
    """Whether its time is over, so that it stops nothing any more."""
    return entry.until is not None and entry.until <= timezone.now()


@register.filter
def is_older(entry: Suppression) -> bool:
    """Whether its cause is older than its place on the list, by more than people would overlook."""
    return entry.added_at - entry.since > timedelta(minutes=5)


@register.filter
def number(count: Count) -> str:
    """As 1,234 or, where there may be more, 10,000+."""
    return f"{intcomma(count.n)}{'' if count.is_exact else '+'}"

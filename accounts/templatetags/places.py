"""Where one may go within Settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from accounts.navigation import Link, places

if TYPE_CHECKING:
    from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def settings_places(context: Context) -> list[Link]:
    """The pages of Settings this person may see, the one that is shown marked; none outside of an account."""
    access = context.get("access")
    match = getattr(context.get("request"), "resolver_match", None)
    return places(access, getattr(match, "url_name", None) or "") if access else []

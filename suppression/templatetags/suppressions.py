"""What the pages of suppressions are drawn with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

from suppression import lists

if TYPE_CHECKING:
    from django.template import Context

register = template.Library()


@register.simple_tag(takes_context=True)
def list_url(context: Context, name: str, *args: object) -> str:
    """The address of this page of the list that is shown."""
    at: lists.List = context["at"]
    return at.url(name, *args)


@register.simple_tag(takes_context=True)
def list_tabs(context: Context) -> list[lists.Link]:
    """The pages of the list that is shown, the one that is open marked."""
    match = getattr(context.get("request"), "resolver_match", None)
    return lists.tabs(context["at"], getattr(match, "url_name", None) or "")

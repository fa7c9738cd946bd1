"""What the people of an account must know, wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone

from accounts import banners

if TYPE_CHECKING:
    from django.template import Context

    from accounts.banners import Banner

register = template.Library()


@register.simple_tag(takes_context=True)
def told(context: Context) -> list[Banner]:
    """The banners of the account that is shown; none outside of one."""
    access = context.get("access")
    return banners.of(access, timezone.now()) if access else []

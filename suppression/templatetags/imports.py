"""What the preview of an import is drawn with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.forms import BoundField
    from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def nth(texts: Sequence[str], n: int) -> str:
    """The text at this place, "" where there are fewer."""
    return texts[n] if n < len(texts) else ""


@register.simple_tag
def select(bound: BoundField) -> SafeString:
    """The bare control, for a label that stands elsewhere."""
    return bound.as_widget(attrs={"class": "form-select is-invalid" if bound.errors else "form-select"})

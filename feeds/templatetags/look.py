"""What every page is drawn with: icons, form fields, links that keep the rest of the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms, template
from django.templatetags.static import static
from django.utils.html import format_html

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """The icon of this name from the sprite. It is decoration: the words beside it say what it means."""
    return format_html(
        '<svg class="icon {}" width="20" height="20" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        css,
        static("vendor/icons.svg"),
        name,
    )


@register.inclusion_tag("parts/field.html")
def field(bound: forms.BoundField) -> dict[str, Any]:
    """A form field with its label, help and errors. Hidden fields are drawn bare."""
    widget = bound.field.widget
    checkbox = isinstance(widget, forms.CheckboxInput)
    many = isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple)
    css = "form-control"
    if checkbox:
        css = "form-check-input"
    elif isinstance(widget, forms.Select) and not many:
        css = "form-select"
    if bound.errors:
        css += " is-invalid"
    attrs = {} if many else {"class": f"{css} {widget.attrs.get('class', '')}".strip()}
    return {"field": bound, "drawn": bound.as_widget(attrs=attrs), "checkbox": checkbox, "many": many}


@register.inclusion_tag("parts/fields.html")
def fields(form: forms.BaseForm) -> dict[str, Any]:
    """All fields of a form, with the errors that belong to none of them first."""
    return {"form": form}

"""What every page is drawn with: icons, form fields, links that keep the rest of the address."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django import forms, template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.timezone import localtime

from feeds.events import Kind, Status
from feeds.meanings import BY_STATUS

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@cache
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
    attrs: dict[str, str | bool] = {} if many else {"class": f"{css} {widget.attrs.get('class', '')}".strip()}
    return {"field": bound, "drawn": bound.as_widget(attrs=attrs), "checkbox": checkbox, "many": many}


@register.inclusion_tag("parts/fields.html")
def fields(form: forms.BaseForm) -> dict[str, Any]:
    """All fields of a form, with the errors that belong to none of them first."""
    return {"form": form}


@register.inclusion_tag("parts/status.html")
def status(value: int, slug: str = "") -> dict[str, Any]:
    """The badge of a status: colour, shape and word. With the account's slug it leads to what it means."""
    return {"meaning": BY_STATUS[Status(value)], "slug": slug}


KINDS = {
    Kind.DEFERRED: "refresh",
    Kind.MACHINE_OPENED: "robot",
    Kind.MACHINE_CLICKED: "robot",
    Kind.RESUBSCRIBED: "user-plus",
    Kind.AUTO_REPLIED: "message-reply",
    Kind.HELD: "player-pause",
    Kind.RELEASED: "player-play",
    Kind.RETRIED: "refresh",
    Kind.UNKNOWN: "question-mark",
}


@register.simple_tag
def kind_icon(kind: int) -> SafeString:
    """The icon of a kind of event, in the colour of its status."""
    found = Kind(kind)
    name = BY_STATUS[Status(kind)].icon if found.raises else KINDS[found]
    return format_html('<span class="event-mark is-{}">{}</span>', found.name.lower().replace("_", "-"), icon(name))


@register.inclusion_tag("parts/moment.html")
def moment(value: datetime | None, form: str = "exact") -> dict[str, Any]:
    """A time in the zone of the page. `form`: exact, or short (today's without the day)."""
    local = localtime(value) if value else None
    today = local is not None and local.date() == localtime().date()
    return {"value": local, "today": today and form == "short", "short": form == "short"}

"""What people fill in about entries of the list."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from suppression.models import Suppression

LONGEST_NOTE = 500


class LastDay(forms.DateField):
    """A day of the active time zone; its value is the moment it ends, None for ever."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any) -> None:
        told: dict[str, Any] = {
            "label": gettext_lazy("Last day"), "required": False,
            "help_text": gettext_lazy("After it the entry goes by itself. Leave it empty for ever."),
        }  # fmt: skip
        super().__init__(**told | kwargs)

    def clean(self, value: Any) -> datetime | None:
        day = super().clean(value)
        if day is None:
            return None
        if day < timezone.localdate():
            raise ValidationError(_("This day is over. Choose today or a later one."))
        if day.year > 2999:
            raise ValidationError(_("Leave it empty for ever."))
        end = datetime.combine(day + timedelta(days=1), time.min, timezone.get_current_timezone())
        return end.astimezone(UTC)


def last_day(until: datetime | None) -> date | None:
    """The day whose end this is."""
    return timezone.localdate(until - timedelta(microseconds=1)) if until else None


class AddForm(forms.Form):
    """One target or many, why, and until when."""

    targets = forms.CharField(
        label=gettext_lazy("Addresses"), strip=False, max_length=400_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "none", "class": "box"}),
        help_text=gettext_lazy("One on each line, or with commas or semicolons between them."),
        error_messages={"required": gettext_lazy("Write at least one address.")},
    )  # fmt: skip
    note = forms.CharField(
        label=gettext_lazy("Why"), required=False, max_length=LONGEST_NOTE,
        help_text=gettext_lazy("A note for whoever wonders later."),
    )  # fmt: skip
    until = LastDay()


class EntryForm(forms.Form):
    """What may be said of an entry afterwards."""

    note = forms.CharField(
        label=gettext_lazy("Your note"), required=False, max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip
    until = LastDay()

    @classmethod
    def of(cls, entry: Suppression, note: str) -> EntryForm:
        return cls(initial={"note": note, "until": last_day(entry.until)})


class WhyForm(forms.Form):
    """Why something is taken off the list."""

    note = forms.CharField(
        label=gettext_lazy("Why"), required=False, max_length=LONGEST_NOTE,
        help_text=gettext_lazy("It is kept with the trace of the removal."),
    )  # fmt: skip

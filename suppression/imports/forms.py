"""What people may change of how a file is read."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from suppression.imports.models import Delimiter, Encoding, Import, Meaning
from suppression.imports.reading import LONGEST_NOTE
from suppression.models import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = [
    ("True", pgettext_lazy("order of a date", "Day first: 31/12/2026")),
    ("False", pgettext_lazy("order of a date", "Month first: 12/31/2026")),
]


class ReadingForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes none when it runs
    """How the file is read, and what holds for lines that do not say it themselves. Fields `column_0` and so on say
    what each column holds; each meaning is given to one column at most."""

    reason = forms.TypedChoiceField(
        label=gettext_lazy("Reason of lines that name none"), choices=Reason.choices, coerce=int
    )
    until = forms.DateField(
        label=gettext_lazy("Until, for lines that name no time"), required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text=gettext_lazy("The last day on which nothing is sent to them. Empty: for ever."),
    )  # fmt: skip
    note = forms.CharField(label=gettext_lazy("Note for lines that have none"), required=False, max_length=LONGEST_NOTE)
    encoding = forms.ChoiceField(label=gettext_lazy("Letters"), choices=Encoding.choices)
    delimiter = forms.ChoiceField(label=gettext_lazy("Between the columns"), choices=Delimiter.choices)
    is_day_first = forms.TypedChoiceField(
        label=gettext_lazy("Dates with slashes"), choices=ORDERS, coerce=lambda value: value == "True"
    )

    class Meta:
        model = Import
        fields = ("reason", "until", "note", "encoding", "delimiter", "has_header", "is_day_first", "takes_domains")

    def __init__(self, *args: Any, width: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.until:
            self.initial["until"] = timezone.localdate(self.instance.until)
        self.width = width
        for n, initial in enumerate([*self.instance.columns, *[""] * width][:width]):
            name = _("Column %(n)d") % {"n": n + 1}
            self.fields[f"column_{n}"] = forms.ChoiceField(
                label=name, choices=Meaning.choices, initial=initial, required=False
            )

    @property
    def meanings(self) -> Iterator[forms.BoundField]:
        """The fields of the columns, in their order."""
        return (self[f"column_{n}"] for n in range(self.width))

    @property
    def others(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in self.Meta.fields)

    def clean_until(self) -> datetime | None:
        day = self.cleaned_data["until"]
        if day is None:
            return None
        until = datetime.combine(day, time.max, timezone.get_current_timezone())
        if until <= timezone.now():
            raise forms.ValidationError(_("This day is over. Choose a later one, or none."))
        return until

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        chosen = [found.get(f"column_{n}", "") for n in range(self.width)]
        for meaning in filter(None, dict.fromkeys(chosen)):
            if chosen.count(meaning) > 1:
                self.add_error(
                    f"column_{len(chosen) - 1 - chosen[::-1].index(meaning)}",
                    _("“%(meaning)s” is chosen for two columns. Choose one of them.")
                    % {"meaning": Meaning(meaning).label},
                )
        self.instance.columns = chosen
        return found

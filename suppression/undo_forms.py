"""What people fill in to say what was a mistake."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts import origins
from suppression import targets
from suppression.imports.models import Import
from suppression.matching import Wanted, newest_cause
from suppression.models import Covers, Origin, Reason

if TYPE_CHECKING:
    from suppression.lists import List

MINUTE = "%Y-%m-%dT%H:%M"
ASKED = ["reason", "from", "to", "source", "origin", "domain", "text", "import"]
LONGEST_WORDS, LONGEST_NOTE, MOST_ID = 200, 500, 2**63 - 1


def _minute(label: Any, **more: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(format=MINUTE, attrs={"type": "datetime-local"})
    return forms.DateTimeField(label=label, required=False, input_formats=[MINUTE], widget=widget, **more)


class UndoForm(forms.Form):
    """Which entries were a mistake. Times are the account's; the last minute is included."""

    reason = forms.TypedMultipleChoiceField(
        label=pgettext_lazy("undo", "Reasons"), choices=Reason.choices, coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple, help_text=gettext_lazy("None means all of them."),
    )  # fmt: skip
    domain = forms.CharField(
        label=gettext_lazy("Domain"), required=False, max_length=targets.LONGEST,
        help_text=gettext_lazy("The part behind the @, such as example.com."),
    )  # fmt: skip
    text = forms.CharField(
        label=gettext_lazy("Text in the comment"), required=False, max_length=LONGEST_WORDS,
        help_text=gettext_lazy("A part of what the server answered, or of the note."),
    )  # fmt: skip
    # The warning that led here.
    spike = forms.IntegerField(required=False, min_value=1, max_value=MOST_ID, widget=forms.HiddenInput)
    # The newest cause that a preview counted.
    upto = forms.IntegerField(required=False, min_value=0, max_value=MOST_ID, widget=forms.HiddenInput)

    def __init__(self, at: List, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.at = at
        self.fields["from"] = _minute(gettext_lazy("Added from"))
        self.fields["to"] = _minute(gettext_lazy("Added until"))
        every = [("", gettext_lazy("All"))]
        self.fields["origin"] = forms.TypedChoiceField(
            label=gettext_lazy("Added by"), choices=[*every, *Origin.choices], coerce=int, required=False,
            empty_value=None,
        )  # fmt: skip
        named = origins.names(at.account_id) if at.account_id else {}
        sources = sorted(named.items(), key=lambda pair: pair[1].lower())
        self.fields["source"] = forms.TypedChoiceField(
            label=gettext_lazy("Source"), choices=[*every, *((str(n), name) for n, name in sources)], coerce=int,
            required=False, empty_value=None,
        )  # fmt: skip
        self.fields["import"] = forms.IntegerField(
            label=gettext_lazy("Import"), required=False, min_value=1, max_value=MOST_ID,
            help_text=gettext_lazy("Its number, from its page."),
        )  # fmt: skip
        self.order_fields(ASKED)

    def clean_domain(self) -> str:
        told = str(self.cleaned_data["domain"]).strip()
        if not told:
            return ""
        try:
            target = targets.read(told)
        except targets.NotATarget as error:
            raise ValidationError(str(error)) from None
        if target.covers not in (Covers.DOMAIN, Covers.SUBDOMAINS):
            raise ValidationError(_("Give the domain alone, such as example.com."))
        return target.domain

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if not any(
            cleaned.get(name) for name in ("reason", "from", "to", "source", "origin", "domain", "text", "import")
        ):
            raise ValidationError(_("Say at least one thing of what was a mistake: all that is on the list would go."))
        if cleaned["from"] and cleaned["to"] and cleaned["from"] > cleaned["to"]:
            self.add_error("to", _("It must not be before the time it was added from."))
        elif cleaned["import"]:
            self._check_import(cleaned)
        return cleaned

    def _check_import(self, cleaned: dict[str, Any]) -> None:
        """What it put on the list came after it began: nothing from before is looked at."""
        named = Import.objects.of(self.at).filter(pk=cleaned["import"]).first()
        if named is None or named.started_at is None:
            self.add_error("import", _("There is no such import here."))
        elif not cleaned["from"]:
            cleaned["from"] = named.started_at

    @property
    def wanted(self) -> Wanted:
        """What is asked for, among the causes there are now, or were when the preview was made."""
        given, newest = self.cleaned_data, newest_cause()
        return Wanted(
            reasons=tuple(sorted(given["reason"])), origin=given["origin"], source_id=given["source"],
            import_id=given["import"], domain=given["domain"], words=given["text"], added_from=given["from"],
            added_to=given["to"] + timedelta(minutes=1) if given["to"] else None,
            last_cause=newest if given["upto"] is None else min(given["upto"], newest),
        )  # fmt: skip


class NoteForm(forms.Form):
    """Why it is undone."""

    note = forms.CharField(
        label=gettext_lazy("Why"), max_length=LONGEST_NOTE,
        help_text=gettext_lazy("Such as: outage of the provider on Monday. It is kept with all that goes."),
    )  # fmt: skip

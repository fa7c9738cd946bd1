"""What people fill in about sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feeds import inbox
from webhooks.providers.base import public_keys
from webhooks.requests import Refused

if TYPE_CHECKING:
    from webhooks.models import Source
    from webhooks.providers.base import Provider, SecretField

# Several keys of 4,096 bits, one below the other, fit into this.
MOST_LETTERS = 8000


class SourceForm(forms.Form):
    """A source's name and its provider's secrets. What a source holds already is never sent back to the browser."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100,
        help_text=gettext_lazy("How you tell this source from others, such as “Postmark, newsletters”."),
    )  # fmt: skip

    def __init__(self, provider: Provider | None, source: Source | None = None, data: Any = None) -> None:
        self.secret_fields = provider.secrets if provider else ()
        self.held: dict[str, str] = source.secrets if source else {}
        given = {"name": source.name, "enabled": source.enabled} if source else {}
        super().__init__(data, initial=given or {"name": provider.name if provider else ""})
        for field in self.secret_fields:
            self._add(field)
        if source:
            self.fields["enabled"] = forms.BooleanField(
                label=_("Switched on"), required=False,
                help_text=_("A source that is switched off refuses the requests it gets."),
            )  # fmt: skip

    def _add(self, field: SecretField) -> None:
        held = bool(self.held.get(field.name))
        label = _("%(label)s (needed)") % {"label": field.label} if field.required else str(field.label)
        note = _("It is set. Leave this empty to keep it.") if held else ""
        self.fields[f"secret_{field.name}"] = forms.CharField(
            label=label, help_text=f"{field.help} {note}".strip(), required=False, max_length=MOST_LETTERS,
            widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
        )  # fmt: skip
        if held:
            self.fields[f"remove_{field.name}"] = forms.BooleanField(
                label=_("Remove: %(label)s") % {"label": field.label}, required=False
            )

    def clean(self) -> dict[str, Any]:
        super().clean()
        for field in self.secret_fields:
            self._check(field.name)
        return self.cleaned_data

    def _check(self, name: str) -> None:
        given: str = self.cleaned_data.get(f"secret_{name}") or ""
        if given and self.cleaned_data.get(f"remove_{name}"):
            self.add_error(f"remove_{name}", _("Either remove it or give a new one."))
        if name == "basic_auth" and not all(_is_pair(line) for line in given.splitlines() if line.strip()):
            self.add_error(f"secret_{name}", _("Write it as name:password, with both on one line."))
        if name == "public_key" and given:
            try:
                public_keys(given)
            except Refused as error:
                self.add_error(f"secret_{name}", str(error))

    def secrets(self) -> dict[str, str]:
        """All secrets the source has after this: those kept, those given, without those removed."""
        kept = dict(self.held)
        for field in self.secret_fields:
            if self.cleaned_data.get(f"remove_{field.name}"):
                kept.pop(field.name, None)
            if given := self.cleaned_data.get(f"secret_{field.name}"):
                kept[field.name] = given
        return kept


def _is_pair(line: str) -> bool:
    name, colon, password = line.strip().partition(":")
    return bool(name and colon and password)


class TestEventForm(forms.Form):
    """To whom the test event shall have gone."""

    recipient = forms.EmailField(
        label=gettext_lazy("Recipient"), max_length=254,
        help_text=gettext_lazy("Nothing is mailed. The address shows where to find the event in the feed."),
    )  # fmt: skip


class DeleteSourceForm(forms.Form):
    """The source's name, typed again by whoever deletes it."""

    name = forms.CharField(label=gettext_lazy("Name of the source"), max_length=100)

    def __init__(self, source: Source, data: Any = None) -> None:
        self.source = source
        super().__init__(data)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.source.name.strip():
            raise ValidationError(_("This is not its name. Type “%(name)s”."), params={"name": self.source.name})
        return name

    def clean(self) -> dict[str, Any]:
        super().clean()
        # What was acknowledged belongs into the feed, and cannot be read once nobody knows the provider.
        if inbox.waiting(self.source.id)[0]:
            raise ValidationError(
                _("Requests are waiting to be read. Switch the source off, and delete it a moment later.")
            )
        return self.cleaned_data

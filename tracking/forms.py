"""What an administrator says about tracking, and to people who unsubscribe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override, pgettext_lazy

from tracking import leaving, logos
from tracking.models import Farewell, TrackingSettings
from tracking.switches import DEFAULTS, default_link_text

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE
)
LONGEST_TITLE, LONGEST_TEXT = 100, 1000
HELP = {
    "open": gettext_lazy("A picture of one pixel at the end of each HTML email."),
    "click": gettext_lazy("Links lead over this site to where they led before."),
    "unsubscribe": gettext_lazy("A link at the end of each email, and the button of mail programs."),
    "text_links": gettext_lazy("Links in the plain text become long; off as it comes."),
}
LABELS = {
    "open": gettext_lazy("Open tracking"),
    "click": gettext_lazy("Click tracking"),
    "unsubscribe": gettext_lazy("Unsubscribe link"),
    "text_links": gettext_lazy("Links in plain text"),
}


def clean_host(given: str) -> str:
    """A host name in lower case. Raises ValidationError."""
    host = given.strip().rstrip(".").lower()
    if host and not HOST.fullmatch(host):
        raise ValidationError(_("Write a host name alone, such as links.example.com."))
    return host


class SwitchesForm(forms.Form):
    """The switches of an account."""

    host = forms.CharField(
        label=gettext_lazy("Tracking host name"), required=False, max_length=253,
        help_text=gettext_lazy("Links and pixel are below this name. Empty: below the name of this site."),
    )  # fmt: skip

    def __init__(self, row: TrackingSettings, data: Any = None) -> None:
        held = {name: DEFAULTS[name] if getattr(row, name) is None else getattr(row, name) for name in DEFAULTS}
        super().__init__(data, initial={**held, "host": row.host}, prefix="all")
        switches = {name: forms.BooleanField(label=LABELS[name], help_text=HELP[name], required=False)
                    for name in DEFAULTS}  # fmt: skip
        self.fields = {**switches, **self.fields}

    def clean_host(self) -> str:
        return clean_host(self.cleaned_data["host"])


CHOICES = (
    ("", pgettext_lazy("switch", "as the account")),
    ("on", pgettext_lazy("switch", "on")),
    ("off", pgettext_lazy("switch", "off")),
)
VALUES = {"": None, "on": True, "off": False}


class DomainForm(forms.Form):
    """The switches of one sender domain."""

    domain = forms.CharField(label=gettext_lazy("Sender domain"), max_length=253)

    def __init__(self, row: TrackingSettings | None = None, data: Any = None) -> None:
        words = {value: word for word, value in VALUES.items()}
        held = {name: words[getattr(row, name)] for name in DEFAULTS} if row else {}
        prefix = f"domain-{row.domain}" if row else "domain"
        super().__init__(data, initial={**held, "domain": row.domain if row else ""}, prefix=prefix)
        if row:
            self.fields["domain"].widget = forms.HiddenInput()
        for name in DEFAULTS:
            self.fields[name] = forms.TypedChoiceField(
                label=LABELS[name], choices=CHOICES, coerce=VALUES.__getitem__, empty_value=None, required=False
            )

    def clean_domain(self) -> str:
        host = clean_host(self.cleaned_data["domain"])
        if not host:
            raise ValidationError(_("Write the domain, such as example.com."))
        return host


class FarewellForm(forms.Form):
    """The link in the mail, the page behind it, and where people go then."""

    link_text = forms.CharField(label=gettext_lazy("Text of the link"), required=False, max_length=100)
    redirect_url = forms.CharField(
        label=gettext_lazy("Address to go to afterwards"), required=False, max_length=1000,
        help_text=gettext_lazy("Empty: our own page, with a button to take a mistake back."),
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )  # fmt: skip
    logo = forms.FileField(
        label=gettext_lazy("Logo"), required=False,
        help_text=gettext_lazy("PNG, JPEG or GIF, up to 200 KB and 1200 by 600 pixels. One that moves is shown still."),
        widget=forms.FileInput(attrs={"accept": ",".join(logos.TYPES)}),
    )  # fmt: skip
    remove_logo = forms.BooleanField(label=gettext_lazy("Show no logo"), required=False)

    def __init__(self, farewell: Farewell | None, data: Any = None, files: Any = None) -> None:
        texts: Mapping[str, Mapping[str, str]] = farewell.texts if farewell else {}
        initial = {f"{code}-{name}": said for code, words in texts.items() for name, said in words.items()}
        if farewell:
            initial |= {"link_text": farewell.link_text, "redirect_url": farewell.redirect_url}
        super().__init__(data, files, initial=initial)
        self.fields["link_text"].widget.attrs["placeholder"] = default_link_text()
        if not farewell or not farewell.logo_type:
            del self.fields["remove_logo"]
        for code, _language in settings.LANGUAGES:
            with override(code):
                ours = leaving.default_words()
            self._offer(code, "title", _("Title"), ours.title, LONGEST_TITLE)
            self._offer(code, "text", _("Question"), ours.text, LONGEST_TEXT)
            self._offer(code, "done", _("Confirmation"), ours.done, LONGEST_TEXT)

    def _offer(self, code: str, name: str, label: str, ours: str, longest: int) -> None:
        kind = forms.TextInput if name == "title" else forms.Textarea
        attrs: dict[str, Any] = {"placeholder": ours} | ({} if name == "title" else {"rows": 2})
        self.fields[f"{code}-{name}"] = forms.CharField(
            label=label, required=False, max_length=longest, widget=kind(attrs=attrs)
        )

    def clean_redirect_url(self) -> str:
        url: str = self.cleaned_data["redirect_url"]
        if url:
            message = _("Write a whole address that begins with https://.")
            URLValidator(schemes=["http", "https"], message=message)(url)
        return url

    def clean_logo(self) -> logos.Logo | None:
        given = self.cleaned_data["logo"]
        if not given:
            return None
        try:
            return logos.check(given.read(logos.MOST_BYTES + 1))
        except logos.Unusable as error:
            raise ValidationError(str(error)) from None

    @property
    def texts(self) -> dict[str, dict[str, str]]:
        """What was said, by language, without what was left empty."""
        said: dict[str, dict[str, str]] = {}
        for code, _language in settings.LANGUAGES:
            words = {name: self.cleaned_data.get(f"{code}-{name}", "") for name in leaving.Words.__slots__}
            if any(words.values()):
                said[code] = {name: text for name, text in words.items() if text}
        return said

"""What people fill in about accounts and members."""

from __future__ import annotations

import zoneinfo
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import keys, members
from accounts.models import Account, Role, Scope, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.access import Access

type Choices = list[tuple[str, str]]
MOST_CREDITS = 1_000_000_000


def zone_choices() -> list[tuple[str, Choices]]:
    """All time zones of this machine but UTC, by continent."""
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    regions: Iterator[tuple[str, Iterator[str]]] = groupby(names, key=lambda name: name.split("/")[0])
    return [(region, [(name, name.partition("/")[2].replace("_", " ")) for name in zones]) for region, zones in regions]


def _offer_zones(form: forms.ModelForm[Account]) -> None:
    regions = zone_choices()
    # A zone that was chosen under an old name stays choosable.
    plain = {"UTC", form.instance.time_zone} - {name for _region, zones in regions for name, _label in zones}
    choices = [*((name, name) for name in sorted(plain)), *regions]
    form.fields["time_zone"].widget = forms.Select(choices=choices)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an administrator may say of their account."""

    class Meta:
        model = Account
        fields = ("name", "time_zone", "retention_days", "content_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_zones(self)


class InstallationForm(forms.ModelForm):  # type: ignore[type-arg]
    """What only those who run the installation may say of an account."""

    class Meta:
        model = Account
        fields = ("enabled", "disabled_reason", "is_metered")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("enabled") and not cleaned.get("disabled_reason"):
            self.add_error("disabled_reason", _("Say why it is disabled: its members will read it."))
        if cleaned.get("enabled"):
            cleaned["disabled_reason"] = ""
        return cleaned


class CreditForm(forms.Form):
    """Credits to give, or to take away again."""

    amount = forms.IntegerField(
        label=gettext_lazy("Credits to add"), min_value=-MOST_CREDITS, max_value=MOST_CREDITS,
        help_text=gettext_lazy("A number below zero takes some away."),
    )  # fmt: skip
    note = forms.CharField(
        label=gettext_lazy("Note"), max_length=200, required=False,
        help_text=gettext_lazy("Such as the number of an invoice."),
    )  # fmt: skip
    once = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    @property
    def wish(self) -> UUID | None:
        """Alike where the button is pressed twice, and another where something else is asked for in the same form."""
        once: UUID | None = self.cleaned_data["once"]
        return once and uuid5(once, f"{self.cleaned_data['amount']} {self.cleaned_data['note']}")

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount == 0:
            raise ValidationError(_("Give a number of credits that is not zero."))
        return amount


class NewAccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new account, of which whoever opens it becomes the owner."""

    class Meta:
        model = Account
        fields = ("name", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_zones(self)


def _role_field(access: Access) -> forms.TypedChoiceField:
    choices = [(role.value, role.label) for role in members.roles_to_give(access)]
    return forms.TypedChoiceField(
        label=_("Role"), choices=choices, coerce=lambda value: Role(int(value)), initial=Role.VIEWER.value,
        error_messages={"invalid_choice": _("Nobody may give a role that is higher than their own.")},
    )  # fmt: skip


class AddMemberForm(forms.Form):
    """Somebody who signs in here already."""

    person = forms.CharField(label=gettext_lazy("User name or e-mail address"), max_length=254)

    def __init__(self, access: Access, data: Any = None) -> None:
        super().__init__(data, prefix="add")
        self.fields["role"] = _role_field(access)

    def clean_person(self) -> User:
        try:
            person = members.find_person(self.cleaned_data["person"])
        except members.Refused as error:
            raise ValidationError(str(error)) from None
        if person is None:
            raise ValidationError(_("Nobody here has this user name or address. Create the person below."))
        return person


class NewPersonForm(forms.Form):
    """Somebody who never signed in here."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254, required=False)

    def __init__(self, access: Access, data: Any = None) -> None:
        super().__init__(data, prefix="new")
        # The model's own rules for user names.
        username = User._meta.get_field("username").formfield()
        if username is None:
            raise TypeError("User names have no form field.")
        self.fields = {"username": username, **self.fields, "role": _role_field(access)}

    def clean_username(self) -> str:
        name: str = User.normalize_username(self.cleaned_data["username"])
        User.username_validator(name)
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError(_("This user name is taken. Choose another one, or add the person above."))
        return name

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email and User.objects.filter(email__iexact=email).exists():
            raise ValidationError(_("Somebody with this address signs in here already. Add them above."))
        return email


class RoleForm(forms.Form):
    """A member's other role. The rules of who may give it are `accounts.members`'."""

    role = forms.TypedChoiceField(choices=Role.choices, coerce=lambda value: Role(int(value)))


class KeyForm(forms.Form):
    """A new API key. `expires_on` becomes the moment at which that day ends in the account's zone."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100,
        help_text=gettext_lazy("The program or place that uses it, such as “Shop, invoices”."),
    )  # fmt: skip
    scopes = forms.TypedMultipleChoiceField(
        label=gettext_lazy("What it may do"), choices=Scope.choices, coerce=Scope, initial=[Scope.SEND],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    networks = forms.CharField(
        label=gettext_lazy("Only from these networks"), required=False, max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=gettext_lazy("One a line, such as 192.0.2.0/24 or 2001:db8::/32. Empty: from anywhere."),
    )  # fmt: skip
    expires_on = forms.DateField(
        label=gettext_lazy("Good until the end of"), required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: until it is revoked."),
    )  # fmt: skip

    def __init__(self, access: Access, data: Any = None) -> None:
        super().__init__(data)
        self.zone = access.account.zone

    def clean_networks(self) -> list[str]:
        found = []
        for line in self.cleaned_data["networks"].split():
            try:
                found.append(keys.network(line))
            except ValueError:
                raise ValidationError(
                    _("“%(line)s” is not a network. Write it as 192.0.2.0/24 or 2001:db8::/32."), params={"line": line}
                ) from None
        return found

    def clean_expires_on(self) -> datetime | None:
        day: date | None = self.cleaned_data["expires_on"]
        if day is None:
            return None
        try:
            end = datetime.combine(day + timedelta(days=1), time(), self.zone)
        except OverflowError:
            raise ValidationError(_("This day is too far away.")) from None
        if end <= timezone.now():
            raise ValidationError(_("This day is over. Choose a later one, or none."))
        return end

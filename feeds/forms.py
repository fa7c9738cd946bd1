"""What people fill in about files and saved views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Role
from feeds.columns import BY_NAME, NETCORE
from feeds.exports.models import Every, SavedView, Weekday
from feeds.layouts import Format, Layout
from feeds.query import Filter, Unclear

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import QueryDict

    from accounts.access import Access
    from feeds.columns import Column

FORMATS = Format.choices
NETCORE_NAMES = ", ".join(name for name, _made, _text in NETCORE)


@dataclass(frozen=True, slots=True)
class LayoutForm:
    """A layout while it is chosen: all columns in an order, some of them ticked. `error` is a sentence, or ""."""

    format: str
    is_netcore: bool
    bom: bool
    gzip: bool
    order: tuple[str, ...]
    ticked: frozenset[str]
    error: str = ""
    formats = FORMATS
    netcore_names = NETCORE_NAMES

    @classmethod
    def of(cls, layout: Layout) -> LayoutForm:
        """The columns of the layout first, then the others."""
        order = [*layout.columns, *(name for name in BY_NAME if name not in layout.columns)]
        return cls(
            layout.format.value, layout.is_netcore, layout.bom, layout.gzip, tuple(order), frozenset(layout.columns)
        )

    @classmethod
    def read(cls, params: QueryDict) -> LayoutForm:
        """As the page sent it. Columns it does not know go to the end; `move` moves one up or down."""
        order = [name for name in dict.fromkeys(params.getlist("order")) if name in BY_NAME]
        order += [name for name in BY_NAME if name not in order]
        way, _colon, moved = params.get("move", "").partition(":")
        if moved in order:
            place = order.index(moved)
            other = place + {"up": -1, "down": 1}.get(way, 0)
            if 0 <= other < len(order):
                order[place], order[other] = order[other], order[place]
        given = params.get("format", "")
        ticked = frozenset(params.getlist("column")) & BY_NAME.keys()
        form = cls(
            given if given in Format.values else Format.CSV.value,
            params.get("columns") == "netcore", "bom" in params, "gzip" in params, tuple(order), ticked,
        )  # fmt: skip
        if not ticked and not form.is_netcore:
            return replace(form, error=_("Tick at least one column."))
        return form

    @property
    def layout(self) -> Layout:
        """What was chosen; for a form without an error."""
        columns = tuple(name for name in self.order if name in self.ticked)
        return Layout(Format(self.format), columns or Layout().columns, self.is_netcore, self.bom, self.gzip)

    def rows(self) -> Iterator[tuple[Column, bool]]:
        """The columns in their order, and whether they are ticked."""
        return ((BY_NAME[name], name in self.ticked) for name in self.order)


class ViewForm(forms.ModelForm):  # type: ignore[type-arg]
    """A saved view: its name, its filter, who sees it, and when it becomes an export."""

    class Meta:
        model = SavedView
        fields = ("name", "query", "is_shared", "every", "weekday", "hour")
        widgets = {"query": forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"})}

    def __init__(self, access: Access, *args: Any, is_new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        self.fields["query"].help_text = _("As in the search box of the feed. Empty means all emails.")
        self.fields["hour"].widget = forms.Select(choices=[(hour, f"{hour:02}:00") for hour in range(24)])
        self.fields["every"].widget = forms.Select(choices=Every.choices)
        self.fields["weekday"].widget = forms.Select(choices=Weekday.choices)
        self.fields["weekday"].help_text = _("Only for every week.")
        self.fields["hour"].help_text = _("In the account's time zone, %(zone)s.") % {"zone": access.account.time_zone}
        if not access.may(Role.MEMBER) and not self.instance.is_shared:
            del self.fields["is_shared"]
        if is_new:
            for name in ("every", "weekday", "hour"):
                del self.fields[name]

    def clean_query(self) -> str:
        """The filter, written as we write it."""
        try:
            return Filter.parse(self.cleaned_data["query"]).text
        except Unclear as error:
            raise ValidationError(str(error)) from None

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split())
        same = SavedView.objects.filter(
            account=self.instance.account, owner=self.instance.owner, name__iexact=name
        ).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError(_("There is a view of this name already. Choose another name, or change that view."))
        return name

    def clean_hour(self) -> int:
        hour: int = self.cleaned_data["hour"]
        if hour > 23:
            raise ValidationError(_("Choose an hour from the list."))
        return hour

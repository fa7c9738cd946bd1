"""What is tracked of an email: the request says, or else its sender's domain, the account, and at last we."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from tracking.models import Farewell, TrackingSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# As the settings of a request (Netcore's v5) call them, and as we do. Links in plain text are only ours.
REQUESTED = {
    "open": ("open_track", "open"),
    "click": ("click_track", "click"),
    "unsubscribe": ("unsubscribe_track", "unsubscribe"),
    "text_links": ("text_links",),
}
DEFAULTS = {"open": True, "click": True, "unsubscribe": True, "text_links": False}


class Origin(StrEnum):
    """Who said so."""

    REQUEST = "request"
    DOMAIN = "domain"
    ACCOUNT = "account"
    DEFAULT = "default"

    @property
    def label(self) -> str:
        return str(ORIGINS[self])


ORIGINS = {
    Origin.REQUEST: gettext_lazy("said by the request"),
    Origin.DOMAIN: gettext_lazy("set for this domain"),
    Origin.ACCOUNT: gettext_lazy("set for the account"),
    Origin.DEFAULT: gettext_lazy("as it comes"),
}


@dataclass(frozen=True, slots=True)
class Switches:
    """What holds for an email, with where it comes from; `footer` is the text of the link to unsubscribe at, `host`
    the tracking host name ("" where that is the site's own)."""

    open: bool = True
    click: bool = True
    unsubscribe: bool = True
    text_links: bool = False
    host: str = ""
    footer: str = "Unsubscribe"
    origins: Mapping[str, Origin] = field(default_factory=dict)


def of(account_id: int, sender_domain: str, request_settings: Mapping[str, object] | None = None) -> Switches:
    """What holds for mail of this account from this domain, as it is set now. Two queries by key."""
    rows = TrackingSettings.objects.filter(account_id=account_id, domain__in={"", sender_domain.lower()})
    text = Farewell.objects.filter(account_id=account_id).values_list("link_text", flat=True).first()
    return decide(rows, request_settings or {}, text or "")


def decide(rows: Iterable[TrackingSettings], request: Mapping[str, object], link_text: str = "") -> Switches:
    """The same of what was read already: the rows of an account and of one of its domains."""
    said = {Origin.DOMAIN if row.domain else Origin.ACCOUNT: row for row in rows}
    values: dict[str, bool] = {}
    origins: dict[str, Origin] = {}
    for name, requested in REQUESTED.items():
        found = [(Origin.REQUEST, request.get(word)) for word in requested]
        found += [(origin, getattr(said.get(origin), name, None)) for origin in (Origin.DOMAIN, Origin.ACCOUNT)]
        found.append((Origin.DEFAULT, DEFAULTS[name]))
        origins[name], values[name] = next((origin, bool(value)) for origin, value in found if value is not None)
    hosts = [said[origin].host for origin in (Origin.DOMAIN, Origin.ACCOUNT) if origin in said]
    return Switches(
        **values, host=next(filter(None, hosts), ""), footer=link_text or default_link_text(), origins=origins
    )


def default_link_text() -> str:
    """The link's text in the language of the installation: nobody knows that of a recipient."""
    return _link_text(settings.LANGUAGE_CODE)


@cache
def _link_text(language: str) -> str:
    with override(language):
        return _("Unsubscribe")

"""The pages of Settings, in their order. A new page is one line here; its template extends settings_base.html."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse
from django.utils.translation import pgettext_lazy

from accounts.models import Role

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from accounts.access import Access


@dataclass(frozen=True, slots=True)
class Place:
    """A page that others belong to, of Settings or of another part: the name of its address, what it is called, its
    icon, the lowest role that sees it, and how the names of the addresses begin that belong to it."""

    name: str
    title: _StrPromise
    icon: str
    role: Role
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A place as one account's page shows it."""

    title: str
    icon: str
    url: str
    is_here: bool


PLACES = (
    Place("account-settings", pgettext_lazy("settings", "Account"), "building", Role.ADMIN, ("account-",)),
    Place("members", pgettext_lazy("settings", "Members"), "users", Role.ADMIN, ("member",)),
    Place("sources", pgettext_lazy("settings", "Sources"), "plug-connected", Role.VIEWER, ("source",)),
    Place("keys", pgettext_lazy("settings", "API keys"), "key", Role.ADMIN, ("key",)),
    Place("domains", pgettext_lazy("settings", "Domains"), "world", Role.ADMIN, ("domain",)),
    Place("transports", pgettext_lazy("settings", "Sending"), "send", Role.ADMIN, ("transport", "sending")),
    Place("returned", pgettext_lazy("settings", "Returned mail"), "mailbox", Role.VIEWER, ("returned",)),
    Place("customize", pgettext_lazy("settings", "Customize"), "adjustments-horizontal", Role.ADMIN, ("customize",)),
    Place("audit", pgettext_lazy("settings", "Audit log"), "history", Role.ADMIN, ("audit",)),
)


def places(access: Access, here: str = "") -> list[Link]:
    """The pages of Settings this person may see; `here` is the name of the address that is shown.

    A page whose address does not exist, because its app is not installed, is left out.
    """
    allowed = [place for place in PLACES if access.may(place.role)]
    return [
        Link(str(place.title), place.icon, url, here.startswith(place.prefixes))
        for place in allowed
        if (url := _address(place, access))
    ]


def _address(place: Place, access: Access) -> str:
    try:
        return reverse(place.name, args=[access.account.slug])
    except NoReverseMatch:
        return ""

"""Whose list: an account's, or the installation's, which holds for all accounts. Each page is there for both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate

from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.translation import pgettext_lazy

from accounts import audit
from accounts.access import account_page
from accounts.models import Role
from accounts.navigation import Link, Place
from accounts.views.installation import installation_page
from suppression.models import Suppression

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access
    from accounts.models import Account, User
    from suppression.models import SuppressionQuerySet

OF_ACCOUNT, OF_INSTALLATION = "a/<slug:slug>/suppressions/", "installation/suppressions/"
PREFIX = "installation-"
NAMED = 3


@dataclass(frozen=True, slots=True)
class List:
    """A list, and the person who is at it. `access` is None at the installation's."""

    person: User
    access: Access | None = None

    @property
    def account(self) -> Account | None:
        return self.access.account if self.access else None

    @property
    def account_id(self) -> int | None:
        """For rows of this list: None is the installation."""
        return self.access.account.id if self.access else None

    @property
    def entries(self) -> SuppressionQuerySet:
        """Those of this list and no other."""
        if self.access:
            return Suppression.objects.visible_in(self.access)
        return Suppression.objects.of_installation()

    def may(self, role: Role) -> bool:
        """Whether this person may do here what `role` may; who runs the installation may do all with its list."""
        return self.access is None or self.access.may(role)

    @property
    def may_change(self) -> bool:
        """For templates: may add and take off single addresses."""
        return self.may(Role.MEMBER)

    @property
    def may_change_many(self) -> bool:
        """For templates: may import, undo, and add what covers more than one address."""
        return self.may(Role.ADMIN)

    def url(self, name: str, *args: object) -> str:
        """The address of this page of the list, by the name it has in an account."""
        if self.access:
            return reverse(name, args=[self.access.account.slug, *args])
        return reverse(PREFIX + name, args=args)

    def url_of_installation(self, entry_id: int) -> str:
        """The address of an entry that holds for all accounts."""
        return reverse(f"{PREFIX}suppression", args=[entry_id])

    def note(self, action: str, subject: str = "", details: Mapping[str, Any] | None = None) -> None:
        """Keep in the account's audit log what this person did, in the caller's transaction. The installation has no
        such log: its causes and removals themselves tell who it was."""
        if self.access:
            audit.note(self.access.account, self.person, action, subject, details)


def named(texts: Sequence[str]) -> str:
    """The first of several targets, as the audit log says whom it is about."""
    return ", ".join(texts[:NAMED]) + (", …" if len(texts) > NAMED else "")


type ListView[**P] = Callable[Concatenate[HttpRequest, List, P], HttpResponseBase]


def list_page[**P](role: Role = Role.VIEWER) -> Callable[[ListView[P]], Callable[..., HttpResponseBase]]:
    """Make a view of `(request, at, ...)` out of one that is there for an account's list, for those of at least `role`,
    and for the installation's, for those who run it. Templates are given the list as `at`."""

    def decorate(view: ListView[P]) -> Callable[..., HttpResponseBase]:
        @account_page(role)
        def of_account(request: HttpRequest, access: Access, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            return view(request, List(access.membership.user, access), *args, **kwargs)

        @installation_page
        def of_installation(
            request: HttpRequest, person: User, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            return view(request, List(person), *args, **kwargs)

        @wraps(view)
        def inside(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return (of_account if "slug" in kwargs else of_installation)(request, *args, **kwargs)

        return inside

    return decorate


def both(route: str, view: Callable[..., HttpResponseBase], name: str) -> list[URLPattern]:
    """The addresses of a page: for an account, named so, and for the installation."""
    return [path(OF_ACCOUNT + route, view, name=name), path(OF_INSTALLATION + route, view, name=PREFIX + name)]


# ---- Where one may go --------------------------------------------------------------------------------------


# What belongs to none of the others belongs to the first.
TABS = (
    Place("suppressions", pgettext_lazy("suppressions", "List"), "ban", Role.VIEWER, ()),
    Place(
        "suppression-imports", pgettext_lazy("suppressions", "Import"), "file-download", Role.ADMIN,
        ("suppression-import",),
    ),
    Place(
        "suppression-undo", pgettext_lazy("suppressions", "Undo"), "arrow-back-up", Role.ADMIN,
        ("suppression-undo", "suppression-warning", "suppression-spike"),
    ),
    Place("suppression-test", pgettext_lazy("suppressions", "Test"), "flask", Role.VIEWER, ("suppression-test",)),
)  # fmt: skip


def tabs(at: List, here: str) -> list[Link]:
    """The pages this person may see; `here` is the name of the address that is shown. A page whose address does not
    exist for this list is left out."""
    name = here.removeprefix(PREFIX)
    current = next((tab for tab in TABS if tab.prefixes and name.startswith(tab.prefixes)), TABS[0])
    seen = [(tab, _address(at, tab)) for tab in TABS if at.may(tab.role)]
    return [Link(str(tab.title), tab.icon, url, tab is current) for tab, url in seen if url]


def _address(at: List, tab: Place) -> str:
    try:
        return at.url(tab.name)
    except NoReverseMatch:
        return ""

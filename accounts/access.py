"""The only doors to an account. Every page and every object behind it is reached through here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Account, Membership, Role, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


@dataclass(frozen=True, slots=True)
class Access:
    """A person inside an account: proof that the account may be read by them."""

    account: Account
    membership: Membership

    def may(self, role: Role) -> bool:
        """Whether this person may do what `role` may, in this account."""
        return self.membership.may(role)

    @property
    def may_act(self) -> bool:
        """For templates: may do what members do, with single emails and addresses."""
        return self.may(Role.MEMBER)

    @property
    def may_write(self) -> bool:
        """For templates: may change settings and sources."""
        return self.may(Role.ADMIN)


def enter(user: Any, slug: str, role: Role = Role.VIEWER) -> Access:
    """Let `user` into the account named `slug`, with at least `role`.

    Raises Http404 for an account they are no member of (which reads the same as one
    that does not exist) and PermissionDenied, with a sentence, where their role is too low.
    """
    if not isinstance(user, User):
        raise Http404
    membership = Membership.objects.select_related("account").filter(user=user, account__slug=slug).first()
    if membership is None:
        raise Http404(_("There is no such account, or you are not a member of it."))
    if not membership.may(role):
        raise PermissionDenied(
            _("Your role in “%(account)s” does not allow this. Ask an administrator of the account.")
            % {"account": membership.account.name}
        )
    membership.user = user
    return Access(membership.account, membership)


type AccountView[**P] = Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase]


def account_page[**P](role: Role = Role.VIEWER) -> Callable[[AccountView[P]], Callable[..., HttpResponseBase]]:
    """Make a view of `(request, access, ...)` out of one whose URL begins with the account's slug.

    Times on the page are shown in the account's zone.
    """

    def decorate(view: AccountView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def inside(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            access = enter(request.user, slug, role)
            request.access = access  # type: ignore[attr-defined]  # read by the context processor
            if request.session.get("account") != slug:  # or else every page would be written into the database
                request.session["account"] = slug
            with timezone.override(access.account.zone):
                return view(request, access, *args, **kwargs)

        return inside

    return decorate


def current(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `access`, and `accounts` to switch between, on every page of a signed-in person."""
    if not isinstance(getattr(request, "user", None), User):
        return {}
    return {"access": getattr(request, "access", None), "accounts": Account.objects.of(request.user)}  # type: ignore[arg-type]

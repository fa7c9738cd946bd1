"""The pages of those who run the installation: all accounts, whether they may send, and their credits."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import changing
from accounts.credits import Refused, add, ledger
from accounts.forms import CreditForm, InstallationForm
from accounts.models import Account, Membership, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

ACCOUNTS_SHOWN = 50


def installation_page[**P](
    view: Callable[Concatenate[HttpRequest, User, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Let in only those who run the installation; the view gets them as `(request, person, ...)`."""

    @wraps(view)
    def inside(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        person = request.user
        if not isinstance(person, User) or not person.is_superuser:
            raise PermissionDenied(_("Only an administrator of this installation may see this. Ask one of them."))
        return view(request, person, *args, **kwargs)

    return inside


@require_safe
@installation_page
def account_list(request: HttpRequest, person: User) -> HttpResponse:
    """All accounts by name, a page at a time; `q` looks for part of a name."""
    wanted, after = (request.GET.get(name, "").replace("\0", "").strip() for name in ("q", "after"))
    found = changing.accounts_after(wanted, after, ACCOUNTS_SHOWN + 1)
    shown = found[:ACCOUNTS_SHOWN]
    context = {"found": shown, "q": wanted, "after": after, "more": len(found) > ACCOUNTS_SHOWN and shown[-1].slug}
    return render(request, "accounts/installation/accounts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@installation_page
def account(request: HttpRequest, person: User, slug: str) -> HttpResponse:
    """One account: POST saves whether it may send, and whether it is limited by credits."""
    form = InstallationForm(request.POST if request.method == "POST" else None, instance=find(slug))
    if form.is_valid():
        changing.save(form, person)
        messages.success(request, _("The settings were saved."))
        return redirect("installation-account", slug)
    return account_shown(request, slug, form=form if form.is_bound else None)


@require_POST
@installation_page
def change_credits(request: HttpRequest, person: User, slug: str) -> HttpResponse:
    form = CreditForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            entry = add(find(slug), given["amount"], person, given["note"], form.wish)
        except Refused as error:
            form.add_error("amount", str(error))
        else:
            told = {"credits": entry.balance}
            messages.success(request, _("The account has %(credits)s credits now.") % told)
            return redirect("installation-account", slug)
    return account_shown(request, slug, credit_form=form)


def find(slug: str) -> Account:
    found = Account.objects.filter(slug=slug).first()
    if found is None:
        raise Http404(_("There is no such account."))
    return found


def account_shown(
    request: HttpRequest, slug: str, *, form: InstallationForm | None = None, credit_form: CreditForm | None = None
) -> HttpResponse:
    """The page, with the form that was wrong in place of the fresh one."""
    shown = find(slug)
    context = {
        "account": shown,
        "form": form or InstallationForm(instance=shown),
        "credit_form": credit_form or CreditForm(),
        "entries": ledger(shown),
        "members": Membership.objects.filter(account=shown).select_related("user").order_by("-role", "user__username"),
    }
    return render(request, "accounts/installation/account.html", context, status=422 if form or credit_form else 200)

"""An account's own settings, and new accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import changing
from accounts.access import Access, account_page
from accounts.forms import AccountForm, NewAccountForm
from accounts.models import Account, Role, User
from accounts.setup import open_account

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_http_methods(["GET", "HEAD", "POST"])
def new_account(request: HttpRequest) -> HttpResponse:
    """A new account. Only those who run the installation open accounts."""
    person = request.user
    if not isinstance(person, User) or not person.is_superuser:
        raise PermissionDenied(_("Only an administrator of this installation may open accounts. Ask one of them."))
    form = NewAccountForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "accounts/new.html", {"form": form}, status=422 if form.is_bound else 200)
    account = open_account(form.cleaned_data["name"], person, time_zone=form.cleaned_data["time_zone"])
    messages.success(request, _("The account was opened. You are its owner."))
    return redirect("sources", account.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def account_settings(request: HttpRequest, access: Access) -> HttpResponse:
    form = AccountForm(request.POST if request.method == "POST" else None, instance=access.account)
    if form.is_valid():
        changing.save(form, access.membership.user)
        messages.success(request, _("The settings were saved."))
        return redirect("account-settings", access.account.slug)
    # What is wrong was written into the form's account, which the page's head must not show.
    kept = Account.objects.get(pk=access.account.pk)
    context = {"form": form if form.is_bound else AccountForm(instance=kept), "account": kept}
    return render(request, "accounts/settings.html", context, status=422 if form.is_bound else 200)

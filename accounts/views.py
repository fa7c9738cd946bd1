"""The pages of an account: its settings and its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import members
from accounts.access import Access, account_page
from accounts.forms import AccountForm, AddMemberForm, InstallationForm, NewAccountForm, NewPersonForm, RoleForm
from accounts.models import Account, Membership, Role, User
from accounts.setup import open_account

if TYPE_CHECKING:
    from django.forms import ModelForm
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


# ---- Settings ---------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def account_settings(request: HttpRequest, access: Access) -> HttpResponse:
    form = AccountForm(request.POST if request.method == "POST" else None, instance=access.account)
    if form.is_valid():
        return saved(request, access, form)
    return settings_page(request, access, form=form)


@require_POST
@account_page(Role.ADMIN)
def installation_settings(request: HttpRequest, access: Access) -> HttpResponse:
    if not runs_installation(request):
        raise PermissionDenied(_("Only an administrator of this installation may change this. Ask one of them."))
    form = InstallationForm(request.POST, instance=access.account)
    if form.is_valid():
        return saved(request, access, form)
    return settings_page(request, access, installation_form=form)


def runs_installation(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def saved(request: HttpRequest, access: Access, form: ModelForm[Account]) -> HttpResponse:
    """Write only what was changed: credits are counted down by others at the same time."""
    changed = set(form.changed_data)
    if "enabled" in changed:
        changed.add("disabled_reason")
    if changed:
        access.account.save(update_fields=changed)
    messages.success(request, _("The settings were saved."))
    return redirect("account-settings", access.account.slug)


def settings_page(request: HttpRequest, access: Access, **forms: ModelForm[Account]) -> HttpResponse:
    """Both forms, with the one that was sent and is wrong in place of the fresh one."""
    status = 422 if any(form.is_bound for form in forms.values()) else 200
    # What is wrong was written into the form's account, which the page's head must not show.
    kept = Account.objects.get(pk=access.account.pk)
    context = {
        "form": forms.get("form") or AccountForm(instance=kept),
        "installation_form": (forms.get("installation_form") or InstallationForm(instance=kept))
        if runs_installation(request)
        else None,
        "account": kept,
    }
    return render(request, "accounts/settings.html", context, status=status)


# ---- Members ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD"])
@account_page(Role.ADMIN)
def member_list(request: HttpRequest, access: Access) -> HttpResponse:
    return members_page(request, access)


def members_page(request: HttpRequest, access: Access, status: int = 200, **context: Any) -> HttpResponse:
    """The list with its forms; `context` brings a form that was wrong, or the person just created."""
    shown = {
        "members": [(member, may_change(access, member)) for member in members.of(access)],
        "roles": members.roles_to_give(access),
        "add_form": AddMemberForm(access),
        "new_form": NewPersonForm(access),
    }
    return render(request, "accounts/members.html", shown | context, status=status)


def may_change(access: Access, member: Membership) -> bool:
    return member.role <= access.membership.role


@require_POST
@account_page(Role.ADMIN)
def add_member(request: HttpRequest, access: Access) -> HttpResponse:
    form = AddMemberForm(access, request.POST)
    if not form.is_valid():
        return members_page(request, access, status=422, add_form=form)
    try:
        member = members.add(access, form.cleaned_data["person"], form.cleaned_data["role"])
    except members.Refused as error:
        form.add_error("person", str(error))
        return members_page(request, access, status=422, add_form=form)
    messages.success(request, _("%(person)s is a member now.") % {"person": member.user})
    return to_members(access)


@never_cache
@require_POST
@account_page(Role.ADMIN)
def create_person(request: HttpRequest, access: Access) -> HttpResponse:
    """Shows the password in the answer itself: sent through a redirect, it would have to be stored."""
    form = NewPersonForm(access, request.POST)
    if not form.is_valid():
        return members_page(request, access, status=422, new_form=form)
    given = form.cleaned_data
    try:
        person, password = members.create_person(access, given["username"], given["email"], given["role"])
    except IntegrityError:
        form.add_error("username", _("This user name is taken. Choose another one, or add the person above."))
        return members_page(request, access, status=422, new_form=form)
    return members_page(request, access, created=person, password=password)


@require_POST
@account_page(Role.ADMIN)
def change_role(request: HttpRequest, access: Access, membership_id: int) -> HttpResponse:
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("There is no such role. Choose one from the list."))
        return to_members(access)
    try:
        member = members.change_role(access, membership_id, form.cleaned_data["role"])
    except members.Refused as error:
        messages.error(request, str(error))
    else:
        told = {"person": member.user, "role": member.get_role_display()}
        messages.success(request, _("The role of %(person)s is now: %(role)s.") % told)
    return to_members(access)


@require_POST
@account_page(Role.ADMIN)
def remove_member(request: HttpRequest, access: Access, membership_id: int) -> HttpResponse:
    try:
        member = members.remove(access, membership_id)
    except members.Refused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(person)s is not a member any more.") % {"person": member.user})
    return to_members(access)


def to_members(access: Access) -> HttpResponse:
    """Back to the list, or away from it for somebody who just gave up their own part in it."""
    me = Membership.objects.filter(pk=access.membership.pk).first()
    return redirect("members", access.account.slug) if me and me.may(Role.ADMIN) else redirect("home")

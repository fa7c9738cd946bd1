"""The pages of an account's members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import IntegrityError
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import members
from accounts.access import Access, account_page
from accounts.forms import AddMemberForm, NewPersonForm, RoleForm
from accounts.models import Membership, Role

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


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

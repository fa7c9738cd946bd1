"""When refused mail of an account is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role
from delivery.forms import RetryForm
from delivery.models import RetryPolicy

if TYPE_CHECKING:
    from django.http import HttpRequest


def find(access: Access, policy_id: int) -> RetryPolicy:
    """The policy of this account. Raises Http404."""
    policy = RetryPolicy.objects.of(access).filter(id=policy_id).first()
    if policy is None:
        raise Http404(_("There is no such policy in this account."))
    return policy


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def add(request: HttpRequest, access: Access) -> HttpResponse:
    form = RetryForm(access.account, data=request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return shown(request, form)
    values: dict[str, Any] = form.cleaned_data
    try:
        with transaction.atomic():
            policy = RetryPolicy.objects.create(account=access.account, **values)
            audit.note(access.account, access.membership.user, "retries.added", name_of(policy), values)
    except IntegrityError:
        form.add_error("domain", _("There is a policy for this already. Change that one."))
        return shown(request, form)
    return saved(request, access)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Role.ADMIN)
def edit(request: HttpRequest, access: Access, policy_id: int) -> HttpResponse:
    policy = find(access, policy_id)
    form = RetryForm(access.account, policy, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return shown(request, form, policy)
    values: dict[str, Any] = form.cleaned_data
    with transaction.atomic():
        changes = audit.changes({name: getattr(policy, name) for name in values}, values)
        RetryPolicy.objects.of(access).filter(id=policy.id).update(**values)
        if changes:
            audit.note(access.account, access.membership.user, "retries.changed", name_of(policy), changes)
    return saved(request, access)


@require_POST
@account_page(Role.ADMIN)
def delete(request: HttpRequest, access: Access, policy_id: int) -> HttpResponse:
    policy = find(access, policy_id)
    with transaction.atomic():
        RetryPolicy.objects.of(access).filter(id=policy.id).delete()
        audit.note(access.account, access.membership.user, "retries.deleted", name_of(policy))
    messages.success(request, _("The policy was deleted."))
    return redirect("transports", access.account.slug)


def name_of(policy: RetryPolicy) -> str:
    return policy.domain or _("all other domains")


def shown(request: HttpRequest, form: RetryForm, policy: RetryPolicy | None = None) -> HttpResponse:
    context = {"form": form, "policy": policy}
    return render(request, "delivery/retry.html", context, status=422 if form.is_bound else 200)


def saved(request: HttpRequest, access: Access) -> HttpResponse:
    messages.success(request, _("The policy was saved. It holds for mail that is accepted from now on."))
    return redirect("transports", access.account.slug)

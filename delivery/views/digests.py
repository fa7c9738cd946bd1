"""Settings > Customize: who is told of bounces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import Access, account_page
from accounts.models import Role
from delivery import digest
from delivery.forms import BounceForm
from delivery.models import BounceDigest
from feeds.additions import Section
from tracking import pages

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def section(access: Access) -> Section:
    """The part of the page."""
    row = BounceDigest.objects.of(access).first() or BounceDigest(account=access.account)
    form = BounceForm(initial={"address": row.address})
    return Section("delivery/bounces.html", {"row": row, "form": form, "sender": digest.sender_of(access.account)})


@require_POST
@account_page(Role.ADMIN)
def change(request: HttpRequest, access: Access) -> HttpResponse:
    """Set who is told, or that nobody is."""
    form = BounceForm(request.POST)
    if not form.is_valid():
        return pages.page(request, access, 422, bounce_form=form)
    if digest.set_address(access, form.cleaned_data["address"]):
        messages.success(request, _("The settings were saved."))
    else:
        messages.info(request, _("Nothing was changed."))
    return redirect("customize", access.account.slug)

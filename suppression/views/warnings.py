"""The warnings of an account: what was unusual, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Access, account_page
from accounts.models import Role
from suppression import spikes
from suppression.lists import List
from suppression.spike import Spike

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
@account_page()
def warnings(request: HttpRequest, access: Access) -> HttpResponse:
    """The newest first."""
    found = Spike.objects.of(access).select_related("undo").order_by("-id")[: spikes.LISTED]
    context = {
        "at": List(access.membership.user, access),
        "told": [(spike, spikes.sentence(spike), spikes.undo_url(access.account, spike)) for spike in found],
    }
    return render(request, "suppression/undo/warnings.html", context)


@require_POST
@account_page(Role.ADMIN)
def dismiss(request: HttpRequest, access: Access, spike_id: int) -> HttpResponse:
    if spikes.dismiss(access, spike_id, timezone.now()):
        messages.success(request, _("It is not told any more, and as many in an hour are usual from now on."))
    else:
        messages.info(request, _("It is not told any more already."))
    return redirect("suppression-warnings", access.account.slug)

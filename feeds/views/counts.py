"""How many emails a filter finds, for the page to show when it is already there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import account_page
from feeds import controls, counts
from feeds.query import Filter, Unclear

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access


@account_page()
@never_cache
@require_safe
def count(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The numbers of the chips and of the list, each as the element that goes into its place."""
    try:
        wanted = Filter.read(request.GET)
        found = counts.of(access, wanted, timezone.now())
    except Unclear:
        return HttpResponse(status=204)
    context = {"chips": controls.chips(wanted.statuses, found), "total": controls.total(found, wanted)}
    return render(request, "feeds/search/counts.html", context)

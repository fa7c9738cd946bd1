"""The list: search, filters, pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from suppression.lists import list_page

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.lists import List


@require_safe
@list_page()
def listed(request: HttpRequest, at: List) -> HttpResponseBase:
    return render(request, "suppression/list.html", {"at": at})

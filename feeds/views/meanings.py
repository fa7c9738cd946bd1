"""What each status means, in the words of the people who read the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import account_page
from feeds.meanings import MEANINGS

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access


@account_page()
@require_safe
def statuses(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The page about the statuses."""
    return render(request, "feeds/statuses.html", {"meanings": MEANINGS})

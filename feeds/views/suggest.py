"""Completions of what is being typed into the query box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import account_page
from feeds import suggest as suggestions

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access


@account_page()
@never_cache
@require_safe
def suggest(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The options of a listbox for the text `q` with the cursor at `at`. Nothing where nothing fits.

    Places are counted as browsers do: in units of UTF-16.
    """
    text, at = request.GET.get("q", ""), request.GET.get("at", "")
    units = int(at) if at.isascii() and at.isdigit() and len(at) < 10 else 2 * len(text)
    cursor = len(text.encode("utf-16-le", "replace")[: 2 * units].decode("utf-16-le", "ignore"))
    found = suggestions.suggest(access, text, cursor, timezone.now())
    options = [(one, _units(text, one.start), _units(text, one.end)) for one in found]
    return render(request, "feeds/suggestions.html", {"options": options})


def _units(text: str, at: int) -> int:
    return len(text[:at].encode("utf-16-le", "replace")) // 2

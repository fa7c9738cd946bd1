"""Where people go after they did something: back to where they came from, within this site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.http import url_has_allowed_host_and_scheme

if TYPE_CHECKING:
    from django.http import HttpRequest

LONGEST = 2000


def onward(request: HttpRequest) -> str:
    """The address a form was told to go to afterwards, "" for none or one of another site."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = len(given) <= LONGEST and given.startswith("/") and url_has_allowed_host_and_scheme(given, None)
    return given if is_ours else ""

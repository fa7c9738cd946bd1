"""Would this be sent? One address, and every rule that stands in the way of mail to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from suppression import judging, returning
from suppression.lists import list_page
from suppression.targets import LONGEST

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.lists import List


@require_safe
@list_page()
def test(request: HttpRequest, at: List) -> HttpResponseBase:
    """The form, and with an address the answer. It asks, and changes nothing."""
    written = request.GET.get("address", "").replace("\0", "").strip()[:LONGEST]
    domains = judging.sender_domains(at)
    sender = request.GET.get("sender", "")
    sender = sender if sender in domains else ""
    found = judging.judge(at, written, sender, timezone.now()) if written else None
    context = {
        "at": at, "written": written, "domains": domains, "sender": sender, "found": found,
        "gone": returning.earlier(at, found.address.lower())[:1] if found and found.address else [],
    }  # fmt: skip
    return render(request, "suppression/test.html", context)

"""The first page, and how pages look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Account, User

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

THEMES = ("light", "dark")
ONE_YEAR = 365 * 24 * 60 * 60


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """To the feed of the account the person was in last, or of their first one."""
    assert isinstance(request.user, User)  # everybody else was asked to sign in
    slugs = list(Account.objects.of(request.user).values_list("slug", flat=True))
    if not slugs:
        return render(request, "feeds/no_account.html")
    last = request.session.get("account")
    return redirect("feed", last if last in slugs else slugs[0])


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """The icon for answers that are no page, where browsers ask for this name."""
    return HttpResponseRedirect(static("favicon.svg"))


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the colours chosen (light, dark, anything else: as the device) in a cookie, and go back to the page."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
        target = "/"
    response = HttpResponseRedirect(target)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie("theme", chosen, max_age=ONE_YEAR, samesite="Lax", secure=secure, httponly=True)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response

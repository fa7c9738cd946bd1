"""The first page, and how pages look."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.access import enter
from accounts.models import Account, User
from feeds import saved

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

THEMES = ("light", "dark")
ONE_YEAR = 365 * 24 * 60 * 60


@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """To the feed of the account the person was in last, or of their first one, with the view they begin with."""
    assert isinstance(request.user, User)  # everybody else was asked to sign in
    slugs = list(Account.objects.of(request.user).values_list("slug", flat=True))
    if not slugs:
        return render(request, "feeds/no_account.html")
    last = request.session.get("account")
    slug = last if last in slugs else slugs[0]
    view = saved.default_of(enter(request.user, slug))
    address = reverse("feed", args=[slug])
    return redirect(f"{address}?{urlencode({'q': view.query})}" if view and view.query else address)


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

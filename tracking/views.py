"""What people meet who open a mail: an image, a page, a button. Nobody signs in here, and a token is all they need.

Valid pixels and links are answered by `tracking.door` before they come here.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from feeds.outage import database
from tracking import leaving
from tracking.door import IMAGE, IMAGE_HEADERS, NEVER_STORED, visitor_ip
from tracking.hits import What
from tracking.logos import TYPES
from tracking.models import Farewell
from tracking.tokens import Named, Purpose, read

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tracking.hits import Hit

# The button of a mail program sends this (RFC 8058, 3.2).
ONE_CLICK = ("List-Unsubscribe", "One-Click")


@login_not_required
@require_safe
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    """The image of a token that is not valid, of which nothing is recorded: an error would be remembered by proxies."""
    return HttpResponse(IMAGE, headers=IMAGE_HEADERS)


@login_not_required
@require_safe
def link(request: HttpRequest, token: str) -> HttpResponse:
    """A link that was changed or broken on its way."""
    return invalid(request)


def draw(template: str, context: dict[str, Any], status: int) -> HttpResponse:
    """A page of ours without a word about who is signed in: that would need a cookie, and the database."""
    return HttpResponse(render_to_string(template, context), status=status, headers=NEVER_STORED)


def invalid(request: HttpRequest) -> HttpResponse:
    return draw("tracking/invalid.html", {}, 404)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, token: str) -> HttpResponse:
    """The page to unsubscribe at. Looking at it changes nothing; its button and the mail program's do.

    The token says who it is, so nothing else is asked for: no cookie, no other address (RFC 8058, 3.1).
    """
    named = read(Purpose.LEAVE, token)
    if named is None:
        return invalid(request)
    farewell = farewell_of(named)
    if request.method != "POST":
        with suppress(OSError):
            _keep(What.LOOK, named, request)
        return page(farewell, token)
    is_one_click = request.POST.get(ONE_CLICK[0]) == ONE_CLICK[1]
    wanted, undoes = What.ONE_CLICK if is_one_click else What.LEAVE, ""
    undo = request.POST.get("undo", "")
    if undo and not is_one_click:
        left = leaving.undone_by(named, undo)
        if left is None:
            return page(farewell, token, state="late", status=410)
        wanted, undoes = What.RETURN, left
    try:
        hit = _keep(wanted, named, request, undoes)
    except OSError:
        return page(farewell, token, state="failed", status=503)
    if is_one_click:
        return HttpResponse(_("You are unsubscribed."), content_type="text/plain; charset=utf-8", headers=NEVER_STORED)
    if wanted == What.RETURN:
        return page(farewell, token, state="back")
    if farewell and farewell.redirect_url:
        return HttpResponseRedirect(farewell.redirect_url, headers=NEVER_STORED)
    return page(farewell, token, state="done", undo=_undo(hit, named))


def _undo(left: Hit, named: Named) -> str:
    """What takes this back, but where somebody had left before: nobody shall bring them back by leaving once more."""
    if database.worth_asking():
        try:
            had_left = leaving.had_left(named, left.occurred_at)
        except Error:
            database.failed()
        else:
            database.answered()
            return "" if had_left else leaving.undo_token(left)
    # What is read afterwards takes back this one alone.
    return leaving.undo_token(left)


def _keep(what: What, named: Named, request: HttpRequest, undoes: str = "") -> Hit:
    ip = visitor_ip(request.META.get("REMOTE_ADDR", ""), request.headers.get("x-forwarded-for", ""))
    return leaving.keep(what, named, timezone.now(), request.method or "", ip, request.headers, undoes)


def farewell_of(named: Named) -> Farewell | None:
    """What the account says to people who leave; our own words must do while the database is away."""
    if not database.worth_asking():
        return None
    try:
        found = Farewell.objects.filter(account_id=named.account_id).first()
    except Error:
        database.failed()
        return None
    database.answered()
    return found


def page(
    farewell: Farewell | None, token: str, *, state: str = "ask", status: int = 200, undo: str = ""
) -> HttpResponse:
    """The page in one of its states: ask, done, back, late, failed."""
    context = {
        "state": state,
        "words": leaving.words(farewell.texts if farewell else {}),
        "logo": farewell is not None and bool(farewell.logo_type),
        "token": token,
        "undo": undo,
    }
    response = draw("tracking/leave.html", context, status)
    if farewell and farewell.redirect_url:
        # A browser also asks the policy of the page with the form where its answer may lead, and where that leads then
        # (CSP 3, 4.1.1): to www, to https, to a login. The form is ours; nothing of the account's makes another one.
        policy = {**settings.SECURE_CSP, "form-action": [CSP.SELF, "https:", "http:"]}
        response._csp_config = policy  # type: ignore[attr-defined]
    return response


@login_not_required
@require_safe
def logo(request: HttpRequest, token: str) -> HttpResponse:
    """The picture at the top of the page, as it was checked when it was given."""
    named = read(Purpose.LEAVE, token)
    farewell = farewell_of(named) if named else None
    if farewell is None or farewell.logo is None or farewell.logo_type not in TYPES:
        return invalid(request)
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=3600"}
    response = HttpResponse(bytes(farewell.logo), content_type=farewell.logo_type, headers=headers)
    response._csp_config = {"default-src": [CSP.NONE]}  # type: ignore[attr-defined]
    return response

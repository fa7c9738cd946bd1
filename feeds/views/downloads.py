"""Taking the feed away: at once as a stream, and the page where one chooses how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import streaming
from accounts.access import account_page
from feeds import counts, saved
from feeds import export as exporting
from feeds.exports import orders
from feeds.forms import LayoutForm
from feeds.layouts import Format, Layout, Unknown
from feeds.query import Filter, Unclear

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

# From so many emails on the page advises the background: a line that breaks would have to begin again.
MANY = 1_000_000
ENDINGS = [f"{word}{gz}" for word in Format.values for gz in ("", ".gz")]
# Asked again so many seconds later, there is likely to be a place.
RETRY_AFTER = 30


def file_address(slug: str, wanted: Filter, layout: Layout) -> str:
    """Where these emails are in this layout, as a stream."""
    path = reverse("feed-file", args=[slug, layout.ending])
    query = urlencode([*wanted.params(), *layout.params()])
    return f"{path}?{query}" if query else path


@account_page()
@require_safe
def file(request: HttpRequest, access: Access, ending: str = "csv") -> HttpResponseBase:
    """The whole filter as a stream, laid out as the address says."""
    now = timezone.now()
    try:
        layout = Layout.read(ending, request.GET)
    except Unknown as error:
        if ending not in ENDINGS:
            raise Http404(str(error)) from None
        return HttpResponseBadRequest(str(error), content_type="text/plain; charset=utf-8")
    try:
        wanted = Filter.read(request.GET)
        download = exporting.Download.of(access.account, wanted, layout, now)
    except Unclear:
        # Which shows the sentence, and where it can be mended.
        return redirect(f"{reverse('feed', args=[access.account.slug])}?{request.GET.urlencode()}")
    name = f"livefeeds-{access.account.slug}-{timezone.localdate(now):%Y-%m-%d}.{layout.ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    if request.method == "HEAD":
        return HttpResponse(content_type=layout.content_type, headers=headers)
    try:
        content = streaming.content(request, download.file)
    except streaming.Busy:
        return busy(request, access, wanted, layout)
    return StreamingHttpResponse(content, content_type=layout.content_type, headers=headers)


def busy(request: HttpRequest, access: Access, wanted: Filter, layout: Layout) -> HttpResponse:
    """For programs "later", for people the page, which offers the background."""
    context = {
        "wanted": wanted,
        "form": LayoutForm.of(layout),
        "is_busy": True,
        "address": _here(access, wanted),
    }
    response = render(request, "feeds/exports/download.html", context, status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@account_page()
def choose(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The page: which format and columns, now or in the background. What was chosen is remembered."""
    slug = access.account.slug
    try:
        wanted = Filter.read(request.GET)
        context = {"wanted": wanted, "address": _here(access, wanted), **sized(access, wanted, timezone.now())}
    except Unclear:
        return redirect(f"{reverse('feed', args=[slug])}?{request.GET.urlencode()}")
    if request.method != "POST":
        form = LayoutForm.of(saved.chosen(access))
        return render(request, "feeds/exports/download.html", context | {"form": form})
    form = LayoutForm.read(request.POST)
    if "move" in request.POST or form.error:
        status = 200 if "move" in request.POST else 422
        return render(request, "feeds/exports/download.html", context | {"form": form}, status=status)
    saved.choose(access, form.layout)
    if request.POST.get("how") != "background":
        return HttpResponseRedirect(file_address(slug, wanted, form.layout), status=303)
    return ordered(request, access, wanted, form.layout)


def ordered(request: HttpRequest, access: Access, wanted: Filter, layout: Layout) -> HttpResponse:
    """Have it made in the background, and go to the list."""
    try:
        orders.order(access, wanted.text, layout, timezone.now())
    except orders.Refused as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(_here(access, wanted), status=303)
    messages.success(request, _("The export was begun. You may leave this page: it goes on without it."))
    return HttpResponseRedirect(reverse("exports", args=[access.account.slug]), status=303)


def sized(access: Access, wanted: Filter, now: datetime) -> dict[str, Any]:
    """How many emails these are, as far as that can be told at once. Raises Unclear."""
    total = counts.of(access, wanted, now).total
    return {"total": total, "are_many": total.n >= MANY}


def _here(access: Access, wanted: Filter) -> str:
    query = urlencode(wanted.params())
    path = reverse("feed-download", args=[access.account.slug])
    return f"{path}?{query}" if query else path

"""Importing: the file is uploaded, looked at, and put on the list in the background."""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Role
from suppression.imports import columns, orders, preview, reports
from suppression.imports.forms import ReadingForm
from suppression.imports.models import Import, Meaning
from suppression.imports.receiving import Handler, full, too_large
from suppression.lists import list_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.lists import List

PAGE = 50
# What a form has around its file.
AROUND = 64 * 1024


def find(at: List, job_id: int) -> Import:
    """The import of this list. Raises Http404."""
    found = Import.objects.of(at).select_related("made_by").filter(pk=job_id).first() if job_id < 2**63 else None
    if found is None:
        raise Http404(_("There is no such import in this list. Its file may have been discarded."))
    found.account = at.account
    return found


def _receiving(view: Callable[[HttpRequest, List, Handler], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Where a file is posted it goes straight to its folder. For that the form must be read by nobody before: its
    token is checked only then."""

    @wraps(view)
    def inside(request: HttpRequest, at: List) -> HttpResponseBase:
        handler = Handler()
        if request.method == "POST":
            request.upload_handlers = [handler]
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.IMPORT_MOST_BYTES + AROUND:
            # The web server threw it away, and its token with it. Nothing of it is read.
            handler.problem = too_large()
            return view(request, at, handler)
        if getattr(request, "scope", {}).get("livefeeds.no_room"):
            handler.problem = full()
            return view(request, at, handler)
        try:
            return csrf_protect(view)(request, at, handler)
        finally:
            handler.discard()

    return inside


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@list_page(Role.ADMIN)
@_receiving
def listed(request: HttpRequest, at: List, handler: Handler) -> HttpResponseBase:
    """The imports there were, newest first, and a form for another one. POST takes a file."""
    problem = ""
    if request.method == "POST":
        try:
            job = _taken(request, at, handler)
        except orders.Refused as error:
            problem = str(error)
        else:
            return redirect(at.url("suppression-import", job.pk))
    rows = Import.objects.of(at).select_related("made_by")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE + 1])
    context = {
        "at": at, "problem": problem, "jobs": found[:PAGE], "most_bytes": settings.IMPORT_MOST_BYTES,
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
    }  # fmt: skip
    return render(request, "suppression/imports/list.html", context, status=422 if problem else 200)


def _taken(request: HttpRequest, at: List, handler: Handler) -> Import:
    """Raises orders.Refused."""
    if not handler.problem:
        len(request.FILES)  # reads it
    if not handler.uploaded:
        raise orders.Refused(handler.problem or _("Choose a file first."))
    job = orders.place(at, handler.uploaded, timezone.now())
    handler.uploaded = None
    return job


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@list_page(Role.ADMIN)
def shown(request: HttpRequest, at: List, job_id: int) -> HttpResponseBase:
    """What an import would do, how far it is, or what came of it. POST changes how the file is read."""
    job = find(at, job_id)
    if job.is_begun:
        if request.method == "POST":
            messages.info(request, _("The import was begun already."))
            return redirect(at.url("suppression-import", job.pk))
        return render(request, "suppression/imports/job.html", _told(at, job))
    width = _width(request, job)
    form = ReadingForm(request.POST if request.method == "POST" else None, instance=job, width=width)
    if form.is_valid():
        form.save()
        if "begin" in request.POST:
            return _begun(request, at, job)
        return redirect(at.url("suppression-import", job.pk))
    return _previewed(request, at, job.pk, form if form.is_bound else None)


def _width(request: HttpRequest, job: Import) -> int:
    """For how many columns the page asks: those that were asked for."""
    asked = sum(name.startswith("column_") for name in request.POST)
    return min(max(len(job.columns), asked), columns.MOST_COLUMNS)


def _previewed(request: HttpRequest, at: List, job_id: int, wrong: ReadingForm | None = None) -> HttpResponseBase:
    """The page before it begins; `wrong` is a form that cannot be saved."""
    job = find(at, job_id)
    try:
        found = preview.of(job, timezone.now())
    except OSError:
        messages.error(request, _("The file of this import cannot be read. Upload it again."))
        orders.discard(at, job)
        return redirect(at.url("suppression-imports"))
    width = min(found.width, columns.MOST_COLUMNS)
    context = {
        "at": at, "job": job, "preview": found, "has_target": Meaning.TARGET in job.columns,
        "form": wrong or ReadingForm(instance=job, width=width), "is_cut": found.width > columns.MOST_COLUMNS,
    }  # fmt: skip
    return render(request, "suppression/imports/preview.html", context, status=422 if wrong else 200)


def _told(at: List, job: Import) -> dict[str, object]:
    return {"at": at, "job": job, "undo": undoing(at, job)}


def undoing(at: List, job: Import) -> str:
    """Where what this import put on the list can be taken off again; "" where there is nothing or no such page."""
    with suppress(NoReverseMatch):
        return f"{at.url('suppression-undo')}?import={job.pk}" if job.added + job.known else ""
    return ""


@never_cache
@require_safe
@list_page(Role.ADMIN)
def progress(request: HttpRequest, at: List, job_id: int) -> HttpResponseBase:
    """How far one is, as a part of its page; the page itself where that is not what is asked for."""
    job = find(at, job_id)
    if not request.headers.get("HX-Request"):
        return redirect(at.url("suppression-import", job.pk))
    return render(request, "suppression/imports/progress.html", _told(at, job))


def _begun(request: HttpRequest, at: List, job: Import) -> HttpResponseBase:
    try:
        orders.begin(at, job)
    except orders.Refused as error:
        messages.error(request, str(error))
    return redirect(at.url("suppression-import", job.pk))


@require_POST
@list_page(Role.ADMIN)
def cancel(request: HttpRequest, at: List, job_id: int) -> HttpResponseBase:
    job = find(at, job_id)
    if orders.cancel(at, job, timezone.now()):
        messages.success(request, _("The import was cancelled. What it had put on the list so far stays there."))
    else:
        messages.info(request, _("The import was over already."))
    return redirect(at.url("suppression-import", job.pk))


@require_POST
@list_page(Role.ADMIN)
def discard(request: HttpRequest, at: List, job_id: int) -> HttpResponseBase:
    if orders.discard(at, find(at, job_id)):
        messages.success(request, _("The file was discarded."))
    else:
        messages.info(request, _("The import was begun already."))
    return redirect(at.url("suppression-imports"))


@never_cache
@require_safe
@list_page(Role.ADMIN)
def report(request: HttpRequest, at: List, job_id: int) -> HttpResponseBase:
    """The lines that were left out."""
    job = find(at, job_id)
    if not job.report_size:
        raise Http404(_("This import has no report, or it was kept for some weeks and is gone."))
    try:
        text = reports.read(job)
    except OSError:
        raise Http404(_("The report of this import cannot be read.")) from None
    name = f"import-{job.pk}-bad-lines.csv"
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

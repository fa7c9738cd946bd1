"""The exports of an account: the list, how far they are, and their files."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import account_page
from feeds.exports import orders, serving
from feeds.exports.models import Export, State

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

PAGE = 50


def find(access: Access, export_id: int) -> Export:
    """The export of this account. Raises Http404."""
    found = Export.objects.of(access).filter(pk=export_id).first() if export_id < 2**63 else None
    if found is None:
        raise Http404(_("There is no such export in this account. It may have been deleted."))
    found.account = access.account
    return found


@account_page()
@never_cache
@require_safe
def listed(request: HttpRequest, access: Access) -> HttpResponseBase:
    """All of them, newest first."""
    rows = Export.objects.of(access)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE + 1])
    context = {
        "exports": [(export, export.may_change(access)) for export in found[:PAGE]],
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        "is_moving": any(export.is_under_way for export in found[:PAGE]),
    }
    return render(request, "feeds/exports/list.html", context)


@account_page()
@never_cache
@require_safe
def row(request: HttpRequest, access: Access, export_id: int) -> HttpResponseBase:
    """How far one is, as its row of the list; the list itself where that is not what is asked for."""
    export = find(access, export_id)
    if not request.headers.get("HX-Request"):
        return redirect("exports", access.account.slug)
    return render(request, "feeds/exports/row.html", {"export": export, "may_change": export.may_change(access)})


@account_page()
@require_safe
def file(request: HttpRequest, access: Access, export_id: int) -> HttpResponseBase:
    """The finished file, or a part of it."""
    export = find(access, export_id)
    if export.state == State.DONE:
        with suppress(OSError):
            return serving.answer(request, export)
        sentence, status = _("The file of this export cannot be read. Export it again."), 404
    elif export.state == State.EXPIRED:
        sentence, status = _("The file of this export was kept for some days and is gone. Export it again."), 410
    else:
        sentence, status = _("This export has no file. The list of exports says how far it is."), 404
    return render(request, "feeds/exports/no_file.html", {"sentence": sentence}, status=status)


@require_POST
@account_page()
def cancel(request: HttpRequest, access: Access, export_id: int) -> HttpResponseBase:
    if orders.cancel(access, find(access, export_id), timezone.now()):
        messages.success(request, _("The export was cancelled."))
    else:
        messages.info(request, _("The export was over already."))
    return redirect("exports", access.account.slug)


@require_POST
@account_page()
def delete(request: HttpRequest, access: Access, export_id: int) -> HttpResponseBase:
    orders.delete(access, find(access, export_id))
    messages.success(request, _("The export was deleted."))
    return redirect("exports", access.account.slug)

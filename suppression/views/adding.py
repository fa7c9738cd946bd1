"""Putting one or many on the list by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.models import Role
from suppression import adding
from suppression.forms import AddForm
from suppression.lists import list_page
from suppression.targets import NotATarget
from suppression.views.onward import onward

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.adding import Written
    from suppression.causes import Added
    from suppression.lists import List


@require_http_methods(["GET", "HEAD", "POST"])
@list_page(Role.MEMBER)
def add(request: HttpRequest, at: List) -> HttpResponseBase:
    """The form. What covers more than one address is shown with all it covers before it is saved."""
    if request.method != "POST":
        form = AddForm(initial={"targets": request.GET.get("target", "")[:400]})
        return shown(request, at, form)
    form = AddForm(request.POST)
    if not form.is_valid():
        return shown(request, at, form, status=422)
    text = form.cleaned_data["targets"]
    if len(adding.pieces(text)) > adding.MOST:
        return shown(request, at, form, status=422, is_too_many=True)
    written = adding.read(at, text)
    if written.wide and "sure" not in request.POST:
        reaches = [adding.reach(at, target) for target in written.wide]
        context = {"at": at, "form": form, "written": written, "reaches": reaches, "next": onward(request)}
        return render(request, "suppression/add_sure.html", context)
    if written.targets:
        said = {"note": form.cleaned_data["note"], "until": form.cleaned_data["until"]}
        try:
            added = adding.add(at, written, timezone.now(), **said)
        except NotATarget as error:
            # Of patterns there may not be many: nothing was added.
            form.add_error("targets", str(error))
            return shown(request, at, form, status=422)
        tell(request, written, added)
    if written.bad:
        left = AddForm({name: request.POST.get(name, "") for name in ("note", "until")} | {"targets": written.rest})
        return shown(request, at, left, status=422, written=written)
    return redirect(onward(request) or at.url("suppressions"))


def shown(
    request: HttpRequest,
    at: List,
    form: AddForm,
    *,
    status: int = 200,
    written: Written | None = None,
    is_too_many: bool = False,
) -> HttpResponseBase:
    context = {
        "at": at, "form": form, "written": written, "is_too_many": is_too_many, "most": adding.MOST,
        "next": onward(request),
    }  # fmt: skip
    return render(request, "suppression/add.html", context, status=status)


def tell(request: HttpRequest, written: Written, added: Added) -> None:
    """How many are new, and how many were there already."""
    known = len(written.targets) - added.entries
    if len(written.targets) == 1:
        target = {"target": written.targets[0]}
        if known:
            messages.info(request, _("%(target)s was put on the list by hand before. Your note was added.") % target)
        else:
            messages.success(request, _("%(target)s is on the list and is not mailed any more.") % target)
        return
    n = added.entries
    if n:
        messages.success(request, ngettext("%(n)d entry was added.", "%(n)d entries were added.", n) % {"n": n})
    if known:
        said = ngettext("%(n)d was on the list already.", "%(n)d were on the list already.", known)
        messages.info(request, said % {"n": known})

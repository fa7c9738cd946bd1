"""Undoing a mistake: what would go, having it taken off, how far that is, and taking the undo back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Q
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from psycopg.errors import QueryCanceled

from accounts import origins
from accounts.models import Role
from suppression import matching, spikes, undoing
from suppression.lists import list_page
from suppression.models import Origin, Reason
from suppression.undo_forms import ASKED, NoteForm, UndoForm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from suppression.lists import List
    from suppression.undo import Undo

SHOWN = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@list_page(Role.ADMIN)
def undo(request: HttpRequest, at: List) -> HttpResponse:
    """The form, and what would go of what is asked for; POST has it done. What was done lately stands below."""
    data = request.POST if request.method == "POST" else request.GET
    asked = request.method == "POST" or not {"preview", *ASKED}.isdisjoint(request.GET)
    form = UndoForm(at, data if asked else None)
    note = NoteForm(request.POST if request.method == "POST" else None, initial={"note": request.GET.get("note", "")})
    found, wanted, is_too_much = None, None, False
    if asked and form.is_valid():
        wanted = form.wanted
        try:
            found = matching.preview(at.account_id, wanted)
        except QueryCanceled:
            is_too_much = True
    if request.method == "POST" and wanted and found and found.causes and note.is_valid():
        begun = undoing.begin(at, wanted, found.gone, note.cleaned_data["note"], timezone.now())
        if form.cleaned_data["spike"]:
            spikes.settle(begun, form.cleaned_data["spike"])
        _first_step(begun)
        return redirect(at.url("suppression-undo-one", begun.pk))
    context = {
        "at": at, "form": form, "note": note, "found": found, "wanted": wanted, "is_too_much": is_too_much,
        "hidden": _hidden(form, wanted) if wanted else [],
        "undos": undoing.of(at).order_by("-id")[:SHOWN],
    }  # fmt: skip
    wrong = (asked and not form.is_valid()) or request.method == "POST"
    return render(request, "suppression/undo/undo.html", context, status=422 if wrong else 200)


def _hidden(form: UndoForm, wanted: matching.Wanted) -> list[tuple[str, str]]:
    """The form again for the confirmation, with the place of the newest cause that was counted."""
    pairs = [("reason", str(reason)) for reason in wanted.reasons]
    pairs += [(name, form.data[name]) for name in (*ASKED[1:], "spike") if form.data.get(name)]
    return [*pairs, ("upto", str(wanted.last_cause))]


def _first_step(begun: Undo) -> None:
    """At once, so that a small one is done when its page is shown. What fails is done by a worker."""
    try:
        undoing.step(Q(pk=begun.pk))
    except undoing.DATABASE_AWAY:
        return


@never_cache
@require_safe
@list_page(Role.ADMIN)
def undo_one(request: HttpRequest, at: List, undo_id: int) -> HttpResponse:
    """How far it is; with htmx only what changes."""
    found = undoing.of(at).select_related("removal").filter(pk=undo_id).first()
    if found is None:
        raise Http404(_("There is no such page here."))
    part = "suppression/undo/progress.html" if request.headers.get("HX-Request") else "suppression/undo/one.html"
    return render(request, part, {"at": at, "undo": found, "criteria": criteria(at, found)})


@require_POST
@list_page(Role.ADMIN)
def undo_stop(request: HttpRequest, at: List, undo_id: int) -> HttpResponse:
    if undoing.stop(at, undo_id, timezone.now()):
        messages.success(request, _("It was stopped. What was taken off can be put back."))
    else:
        messages.info(request, _("It was over already."))
    return redirect(at.url("suppression-undo-one", undo_id))


@require_POST
@list_page(Role.ADMIN)
def undo_back(request: HttpRequest, at: List, undo_id: int) -> HttpResponse:
    """Put back what it took off."""
    if undoing.take_back(at, undo_id, timezone.now()):
        for begun in undoing.of(at).filter(pk=undo_id):
            _first_step(begun)
            _first_step(begun)
    else:
        messages.info(request, _("There is nothing of it to be put back."))
    return redirect(at.url("suppression-undo-one", undo_id))


def criteria(at: List, found: Undo) -> list[tuple[str, str]]:
    """What was asked for, as people read it; times are left to the page."""
    source = ""
    if found.source_id is not None and at.account_id:
        source = origins.names(at.account_id, [found.source_id]).get(found.source_id, str(found.source_id))
    told = [
        (_("Reasons"), ", ".join(str(Reason(reason).label) for reason in found.reasons)),
        (_("Source"), source),
        (_("Added by"), str(Origin(found.origin).label) if found.origin else ""),
        (_("Domain"), found.domain),
        (_("Text in the comment"), found.words),
        (_("Import"), str(found.import_id or "")),
    ]
    return [(name, value) for name, value in told if value]

"""Saved views: the list, and what people do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import account_page
from feeds import saved
from feeds.exports.models import SavedView
from feeds.forms import LayoutForm, ViewForm
from feeds.layouts import stored
from feeds.query import Filter, Unclear
from feeds.terms import resolve

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.access import Access


def find(access: Access, view_id: int) -> SavedView:
    """The view this person may use. Raises Http404."""
    found = SavedView.objects.visible_in(access).filter(pk=view_id).first() if view_id < 2**63 else None
    if found is None:
        raise Http404(_("There is no such view. It may have been deleted, or is not shared any more."))
    found.account = access.account
    return found


def mistake(view: SavedView, access: Access) -> str:
    """Why the filter of the view cannot be understood any more; "" where it can."""
    try:
        resolve(Filter.parse(view.query), access.account, timezone.now())
    except Unclear as error:
        return str(error)
    return ""


@account_page()
@never_cache
@require_safe
def listed(request: HttpRequest, access: Access) -> HttpResponse:
    views = saved.visible(access)
    context = {
        "views": [(view, view.may_change(access), mistake(view, access)) for view in views],
        "begins_with": saved.default_of(access),
    }
    return render(request, "feeds/views/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page()
def add(request: HttpRequest, access: Access) -> HttpResponse:
    """Save the filter of the address under a name."""
    view = SavedView(
        account=access.account, owner=access.membership, query=request.GET.get("q", ""), **stored(saved.chosen(access))
    )
    form = ViewForm(access, request.POST if request.method == "POST" else None, instance=view, is_new=True)
    if not form.is_valid() or not save(form):
        return render(request, "feeds/views/add.html", {"form": form}, status=422 if form.is_bound else 200)
    messages.success(request, _("The view was saved. It is in the menu “Views” of the feed."))
    return redirect("views", access.account.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page()
def edit(request: HttpRequest, access: Access, view_id: int) -> HttpResponse:
    view = find(access, view_id)
    saved.check_may_change(access, view)
    sent = request.POST if request.method == "POST" else None
    form = ViewForm(access, sent, instance=view)
    layout = LayoutForm.read(request.POST) if sent is not None else LayoutForm.of(view.layout)
    moves = "move" in request.POST
    if sent is None or moves or layout.error or not form.is_valid() or not save(form, layout):
        context = {"form": form, "layout": layout, "view": SavedView.objects.get(pk=view.pk)}
        status = 200 if sent is None or moves else 422
        return render(request, "feeds/views/edit.html", context, status=status)
    messages.success(request, _("The view was saved."))
    return redirect("views", access.account.slug)


def save(form: ViewForm, layout: LayoutForm | None = None) -> bool:
    """Write the view, with its next moment; returns False with an error in the form where the name was just taken."""
    view: SavedView = form.instance
    if layout:
        for name, value in stored(layout.layout).items():
            setattr(view, name, value)
    view.next_at = saved.next_time(view, view.account.zone, timezone.now())
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        form.add_error("name", _("There is a view of this name already. Choose another name, or change that view."))
        return False
    return True


@require_POST
@account_page()
def delete(request: HttpRequest, access: Access, view_id: int) -> HttpResponse:
    view = find(access, view_id)
    saved.check_may_change(access, view)
    view.delete()
    messages.success(request, _("The view “%(name)s” was deleted. Its exports stay.") % {"name": view.name})
    return redirect("views", access.account.slug)


@require_POST
@account_page()
def begin(request: HttpRequest, access: Access, view_id: int = 0) -> HttpResponse:
    """Begin with this view from now on; with 0 begin with all emails."""
    saved.begin_with(access, find(access, view_id) if view_id else None)
    messages.success(
        request, _("You begin with this view from now on.") if view_id else _("You begin with all emails from now on.")
    )
    return redirect("views", access.account.slug)

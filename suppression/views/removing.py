"""Taking entries off the list, after having been asked why; and putting back what was taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.models import Role
from suppression import checking, removing, returning
from suppression.forms import WhyForm
from suppression.lists import list_page, named
from suppression.models import Covers, How, Reason, Removed
from suppression.targets import shown
from suppression.views.onward import onward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.lists import List
    from suppression.models import Suppression

# More than stand on a page; whoever means thousands undoes them by their cause.
MOST = 500
SHOWN = 20
# What people said themselves: they are mailed again only if they want it.
SAID = (Reason.SPAM, Reason.UNSUBSCRIBED)


@require_POST
@list_page(Role.MEMBER)
def remove(request: HttpRequest, at: List) -> HttpResponseBase:
    """Show what was ticked and ask why; with `sure`, take it off."""
    found = ticked(at, request.POST.getlist("entry"))
    if not found:
        messages.error(request, _("Tick at least one entry that is on the list."))
        return redirect(onward(request) or at.url("suppressions"))
    if not at.may_change_many and any(entry.covers != Covers.ADDRESS for entry in found):
        raise PermissionDenied(
            _("An entry of these covers more than one address. Ask an administrator of the account to take it off.")
        )
    form = WhyForm(request.POST if "sure" in request.POST else None)
    if not form.is_valid():
        context = {
            "at": at, "form": form, "entries": found, "listed": found[:SHOWN], "more": len(found) - SHOWN,
            "next": onward(request), "have_said": any(entry.reason in SAID for entry in found),
        }  # fmt: skip
        return render(request, "suppression/remove.html", context, status=422 if form.is_bound else 200)
    take_off(at, found, form.cleaned_data["note"])
    tell(request, at, found)
    return redirect(onward(request) or at.url("suppressions"))


def ticked(at: List, given: Sequence[str]) -> list[Suppression]:
    """The entries of this list that were ticked."""
    ids = [int(one) for one in given[:MOST] if one.isascii() and one.isdecimal() and len(one) < 19]
    return list(at.entries.filter(id__in=ids).order_by("-added_at", "-id")) if ids else []


@transaction.atomic
def take_off(at: List, entries: Sequence[Suppression], note: str) -> None:
    removal = removing.begin(at.account_id, How.PERSON, at.person, note)
    n = removing.take_off(removal, [entry.id for entry in entries])
    details = {"entries": n} | ({"note": note} if note else {})
    at.note("suppression.removed", named([shown(entry.target, entry.covers) for entry in entries]), details)


def tell(request: HttpRequest, at: List, entries: Sequence[Suppression]) -> None:
    """That they can be mailed again at once; or, where another entry covers them, that they cannot."""
    addresses = {entry.target for entry in entries if entry.covers == Covers.ADDRESS}
    stops = checking.stopped(at.account_id, addresses) if addresses and at.account_id is not None else {}
    if len(entries) > 1 or not addresses:
        n = len(entries)
        said = ngettext("%(n)d entry was taken off the list.", "%(n)d entries were taken off the list.", n) % {"n": n}
        messages.success(request, f"{said} {_('Whom it covered can be mailed again at once.')}")
    elif not stops:
        said = _("%(target)s was taken off the list and can be mailed again at once.")
        messages.success(request, said % {"target": entries[0].target})
    if stops:
        still = ", ".join(sorted(stops)[:3]) + (", …" if len(stops) > 3 else "")
        said = _("It was done, but this is still not mailed, because another entry covers it: %(addresses)s")
        messages.warning(request, said % {"addresses": still})


@require_POST
@list_page(Role.MEMBER)
def put_back(request: HttpRequest, at: List, removed_id: int) -> HttpResponseBase:
    """Put back what was taken off, as it was."""
    removed = (
        Removed.objects.filter(account=at.account, id=min(removed_id, 2**63 - 1)).select_related("removal").first()
    )
    if removed is None:
        raise Http404(_("Nothing like it was taken off this list."))
    if removed.covers != Covers.ADDRESS and not at.may_change_many:
        raise PermissionDenied(
            _("It covers more than one address. Ask an administrator of the account to put it back.")
        )
    entry, target = returning.put_back(at, removed), shown(removed.target, removed.covers)
    if entry is None:
        messages.info(request, _("%(target)s was put back before, and taken off once more since.") % {"target": target})
        return redirect(f"{at.url('suppression-history')}?{urlencode({'target': target})}")
    messages.success(request, _("%(target)s is on the list again.") % {"target": target})
    return redirect(at.url("suppression", entry.id))

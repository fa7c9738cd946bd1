"""One entry: why it is there, what it covers, and what became of it before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Role
from suppression import adding, causes, evidence, returning, targets
from suppression.causes import Cause as Given
from suppression.forms import EntryForm
from suppression.listing import Place
from suppression.lists import list_page
from suppression.models import Cause, Covers, Origin, Reason
from suppression.targets import Target

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.lists import List
    from suppression.models import Suppression

PAGE = 50


def find(at: List, entry_id: int) -> Suppression:
    """The entry of this list. Raises Http404."""
    found = at.entries.filter(id=entry_id).first() if entry_id < 2**63 else None
    if found is None:
        raise Http404(_("There is no such entry on this list. It may have been taken off."))
    return found


def may_change(at: List, entry: Suppression) -> bool:
    """Whether this person may change it, or take it off."""
    return at.may_change if entry.covers == Covers.ADDRESS else at.may_change_many


@require_safe
@list_page()
def entry(request: HttpRequest, at: List, entry_id: int) -> HttpResponseBase:
    return page(request, at, find(at, entry_id))


@require_http_methods(["GET", "HEAD", "POST"])
@list_page(Role.MEMBER)
def change(request: HttpRequest, at: List, entry_id: int) -> HttpResponseBase:
    """Save what this person notes of it, and until when it holds."""
    found = find(at, entry_id)
    if request.method != "POST" or not may_change(at, found):
        return redirect(at.url("suppression", found.id))
    form = EntryForm(request.POST)
    if not form.is_valid():
        return page(request, at, found, form)
    keep(at, found, form.cleaned_data["note"], form.cleaned_data["until"], timezone.now())
    messages.success(request, _("It was saved."))
    return redirect(at.url("suppression", found.id))


@transaction.atomic
def keep(at: List, entry: Suppression, note: str, until: datetime | None, now: datetime) -> None:
    """Have all causes hold until then, and keep the note as this person's own word."""
    own, target = mine(at, entry), Target(entry.target, Covers(entry.covers), entry.domain)
    if note or own:
        person = at.person
        causes.add([Given(
            account_id=at.account_id, target=target, reason=Reason(entry.reason), origin=Origin.PERSON,
            ident=f"u{person.pk}", at=own.at if own else now, until=until, user_id=person.pk,
            actor_name=person.get_username()[:150], note=note,
        )])  # fmt: skip
    Cause.objects.filter(suppression=entry).update(until=until)
    causes.follow([entry.id])
    details = {"until": until.isoformat(timespec="minutes") if until else None, "note": note}
    at.note("suppression.changed", str(target), details)


def mine(at: List, entry: Suppression) -> Cause | None:
    """What this person said of it before."""
    return Cause.objects.filter(suppression=entry, ident=f"u{at.person.pk}").first()


def page(request: HttpRequest, at: List, entry: Suppression, form: EntryForm | None = None) -> HttpResponseBase:
    now, before = timezone.now(), Place.read(request.GET.get("before", ""))
    found = Cause.objects.filter(suppression=entry)
    if before:
        found = found.filter(Q(at__lt=before.added_at) | Q(at=before.added_at, id__lt=before.id))
    rows = list(found.order_by("-at", "-id")[: PAGE + 1])
    own = mine(at, entry) if at.may_change else None
    target = Target(entry.target, Covers(entry.covers), entry.domain)
    context = {
        "at": at,
        "entry": entry,
        "target": target,
        "is_over": entry.until is not None and entry.until <= now,
        "covers": adding.covers(target),
        "others": at.entries.filter(target=entry.target).exclude(id=entry.id).order_by("reason"),
        "proofs": evidence.proofs(at, rows[:PAGE], now),
        "older": Place(rows[PAGE - 1].at, rows[PAGE - 1].id) if len(rows) > PAGE else None,
        "is_first": before is None,
        "gone": returning.earlier(at, entry.target),
        "may_change": may_change(at, entry),
        "form": form or EntryForm.of(entry, own.note if own else ""),
    }
    return render(request, "suppression/entry.html", context, status=422 if form else 200)


@require_safe
@list_page()
def history(request: HttpRequest, at: List) -> HttpResponseBase:
    """What was taken off of one target, whether it is on the list now or not."""
    try:
        target = targets.read(request.GET.get("target", ""))
    except targets.NotATarget as error:
        messages.error(request, str(error))
        return redirect(at.url("suppressions"))
    context = {
        "at": at,
        "target": target,
        "entries": at.entries.filter(target=target.text).order_by("reason"),
        "gone": returning.earlier(at, target.text),
        "may_change": at.may_change if target.covers == Covers.ADDRESS else at.may_change_many,
    }
    return render(request, "suppression/history.html", context)

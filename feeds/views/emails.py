"""One email: what happened to it, and why it has the status it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import account_page
from feeds import inbox, origins, reasons
from feeds.models import Email, StoredEvent

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

# A newsletter opened by a whole office, or a scanner run wild, must not make a page of megabytes.
MOST_EVENTS = 500


def find(access: Access, email_id: int) -> Email:
    """The email of this account. Raises Http404, also for one it no longer keeps."""
    found = Email.objects.visible_in(access, timezone.now()).filter(id=email_id).first() if email_id < 2**63 else None
    if found is None:
        raise Http404(_("There is no such email in this account, or it is older than the account keeps emails."))
    return found


@account_page()
@require_safe
def email(request: HttpRequest, access: Access, email_id: int) -> HttpResponseBase:
    """All that is known of one email."""
    found = find(access, email_id)
    events = list(
        StoredEvent.objects.filter(email_id=found.id).order_by("occurred_at", "received_at", "key")[: MOST_EVENTS + 1]
    )
    cut, events = len(events) > MOST_EVENTS, events[:MOST_EVENTS]
    names = origins.names(access.account.id, {found.source_id, *(event.source_id for event in events)})
    context = {
        "email": found,
        "events": [(event, names.get(event.source_id, "")) for event in events],
        "is_cut": cut,
        "source_name": names.get(found.source_id, ""),
        "firsts": reasons.firsts(found),
        "why": reasons.why(found, events),
        "answers": reasons.answer(found),
    }
    return render(request, "feeds/email.html", context)


@account_page()
@require_safe
def raw(request: HttpRequest, access: Access, email_id: int, key: str) -> HttpResponseBase:
    """The source's own record of one event: as part of the page with htmx, as plain text without."""
    found = find(access, email_id)
    if not key.removeprefix("-").isdecimal() or not -(2**63) <= int(key) < 2**63:
        raise Http404
    event = StoredEvent.objects.filter(email_id=found.id, key=int(key)).first()
    if event is None:
        raise Http404(_("This email has no such event."))
    record = inbox.raw_of(event)
    if request.headers.get("HX-Request"):
        return render(request, "feeds/raw.html", {"record": record})
    text = record or _("The original request is no longer kept.")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")

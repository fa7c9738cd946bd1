"""One email: what happened to it, and why it has the status it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.access import account_page
from feeds import additions, answers, inbox, reasons, recipients, story, waiting
from feeds.events import Kind
from feeds.models import Email, StoredEvent
from suppression import checking

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

# The element beside the list that an email opens in, as htmx names its target.
PANEL = "panel"
# A request that cannot be read is shown as it came, and may have megabytes.
MOST_SHOWN = 100_000


def find(access: Access, email_id: int) -> Email:
    """The email of this account. Raises Http404, also for one it no longer keeps."""
    found = Email.objects.visible_in(access, timezone.now()).filter(id=email_id).first() if email_id < 2**63 else None
    if found is None:
        raise Http404(_("There is no such email in this account, or it is older than the account keeps emails."))
    return found


def known(access: Access, found: Email) -> dict[str, Any]:
    """All that is known of one email, for its page and for the panel beside the list."""
    told, now = story.tell(found), timezone.now()
    rules = checking.rules(found.account_id, [found.recipient]) if found.recipient else {}
    stops = rules.get(found.recipient.lower(), [])
    return {
        "email": found,
        "story": told,
        "firsts": reasons.firsts(found),
        "why": reasons.why(told),
        "answer": answers.explain(told.answer, Kind(told.answer.kind)) if told.answer else None,
        "summary": reasons.summary(told),
        "stops": stops,
        "removable": recipients.removable(access, stops),
        "sections": additions.sections(access, found, now),
        "now": now,
        "wait": waiting.of([found]).get(found.id),
    }


@account_page()
@vary_on_headers("HX-Request", "HX-Target")
@require_safe
def email(request: HttpRequest, access: Access, email_id: int) -> HttpResponseBase:
    """All that is known of one email: a page, or with htmx what the panel beside the list shows."""
    context = known(access, find(access, email_id))
    is_panel = request.headers.get("HX-Request") and request.headers.get("HX-Target") == PANEL
    return render(request, "feeds/email_panel.html" if is_panel else "feeds/email.html", context)


@account_page()
@vary_on_headers("HX-Request")
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
        shown = {"record": (record or "")[:MOST_SHOWN], "is_cut": len(record or "") > MOST_SHOWN}
        return render(request, "feeds/raw.html", {**shown, "whole_url": request.path, "key": key})
    text = record or _("The original request is no longer kept.")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")

"""What could not be placed: on a page of its own, so that somebody looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts import origins
from accounts.access import account_page
from feeds import orphans as unplaced
from feeds.views.recipients import place

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

PAGE = 25


@account_page()
@require_safe
def orphans(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Unknown events and orphans, newest first, each with a place of its own to go on from."""
    now = timezone.now()
    before_event = unplaced.Place.read(request.GET.get("events_before", ""))
    before_email = place(request.GET.get("emails_before", ""))
    events = unplaced.unknown(access, now, PAGE + 1, before_event)
    emails = unplaced.orphans(access, now, PAGE + 1, before_email)
    firsts = unplaced.first_events(emails)
    words = unplaced.words(access, now)
    sources = {event.source_id for event in events} | {email.source_id for email in emails}
    sources |= {source_id for source_id, _word, _times in words}
    names = origins.names(access.account.id, sources)
    last = events[PAGE - 1] if len(events) > PAGE else None
    context = {
        "events": [(event, names.get(event.source_id, "")) for event in events[:PAGE]],
        "emails": [(email, firsts.get(email.id), names.get(email.source_id, "")) for email in emails[:PAGE]],
        "words": [(names.get(source_id, ""), word, times) for source_id, word, times in words],
        "events_older": unplaced.Place(last.email_id, last.key) if last else None,
        "emails_older": emails[PAGE - 1].id if len(emails) > PAGE else None,
        "is_first": before_event is None and before_email is None,
    }
    return render(request, "feeds/orphans.html", context)

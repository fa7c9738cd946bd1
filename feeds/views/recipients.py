"""One recipient: all emails to them, and whether they may still be mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import account_page
from feeds import recipients, rows
from feeds.query import Filter, Term
from feeds.views.feed import address as in_feed

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

PAGE = 50


def place(given: str) -> int | None:
    """The id a page begins before; what is no id is as good as none."""
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 20 and int(given) < 2**63 else None


@account_page()
@require_safe
def recipient(request: HttpRequest, access: Access, address: str) -> HttpResponseBase:
    """The history of one address. Raises Http404 for one this account never heard of."""
    now = timezone.now()
    emails = recipients.emails_to(access, address, now)
    counted = recipients.totals(emails)
    evidence = recipients.evidence(access, address, now)
    if not counted.total and not evidence:
        raise Http404(_("This account keeps no email to this address, and does not suppress it."))
    before = place(request.GET.get("before", ""))
    shown = list((emails if before is None else emails.filter(id__lt=before))[: PAGE + 1])
    slug, to = access.account.slug, Filter((Term("to", (address.lower(),)),))
    context = {
        "address": address.lower(),
        "totals": counted,
        "by_status": [
            (status, count, in_feed("feed", slug, to.replaced("status", status.name.lower())))
            for status, count in counted.by_status
        ],
        "in_feed": in_feed("feed", slug, to),
        "evidence": evidence,
        "stops": evidence,
        "removable": recipients.removable(access, (proof.stop for proof in evidence)),
        "here": request.path,
        "rows": rows.draw(shown[:PAGE], access.account, now),
        "older": shown[PAGE - 1].id if len(shown) > PAGE else None,
        "is_first": before is None,
    }
    return render(request, "feeds/recipient.html", context)

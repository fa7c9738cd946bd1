"""The mail that came back: what was matched with its email, and what nobody could place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import Access, account_page
from delivery import post
from delivery.reception import NOBODY

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PAGE = 25
ALL, UNMATCHED, UNCLAIMED = "", "unmatched", "unclaimed"


def _sees_unclaimed(request: HttpRequest) -> bool:
    """Mail that is nobody's is for those who look after the installation."""
    return bool(getattr(request.user, "is_superuser", False))


@require_safe
@account_page()
def mails(request: HttpRequest, access: Access) -> HttpResponse:
    """Newest first. `show` is "unmatched", or for superusers "unclaimed"; `before` an id to go on from."""
    given = request.GET.get("before", "")
    before = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None
    show = request.GET.get("show", ALL)
    if show not in (UNMATCHED, UNCLAIMED) or (show == UNCLAIMED and not _sees_unclaimed(request)):
        show = ALL
    account_id = NOBODY if show == UNCLAIMED else access.account.id
    context = {
        "page": post.page(account_id, PAGE, before, unmatched=show == UNMATCHED),
        "show": show,
        "is_first": before is None,
        "sees_unclaimed": _sees_unclaimed(request),
    }
    return render(request, "delivery/returned.html", context)


@require_safe
@account_page()
def mail(request: HttpRequest, access: Access, inbox_id: int) -> HttpResponse:
    """One mail, as text. Raises Http404."""
    found = post.opened(access.account.id, inbox_id)
    if found is None and _sees_unclaimed(request):
        found = post.opened(NOBODY, inbox_id)
    if found is None:
        raise Http404(_("There is no such mail in this account; it may not be kept any more."))
    wanted = urlencode({"q": f'id:"{found.mail.sign.header_id.replace('"', "")}"'})
    search_url = f"{reverse('feed', args=[access.account.slug])}?{wanted}"
    context = {"opened": found, "mail": found.mail, "search_url": search_url}
    return render(request, "delivery/returned_mail.html", context)

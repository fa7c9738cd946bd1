"""The page of what was done in an account, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import audit
from accounts.access import Access, account_page
from accounts.models import Role

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

# What the filter of actors holds for what the installation did by itself: no user name begins with a sign.
ITSELF = "-"


@require_safe
@account_page(Role.ADMIN)
def log(request: HttpRequest, access: Access) -> HttpResponse:
    """The newest first, a page at a time; `action`, `actor` and `before` choose."""
    # Nothing in a database has a NUL in it, or can be asked about one.
    action, actor = (request.GET.get(name, "").replace("\0", "") for name in ("action", "actor"))
    by = None if not actor else "" if actor == ITSELF else actor
    page = audit.page(access, action=action, actor=by, before=place(request))
    actors = audit.actors(access)
    if by and by not in actors:
        actors.append(by)  # somebody who is gone, reached from one of their entries
    kept = {name: value for name, value in (("action", action), ("actor", actor)) if value}
    context = {
        "page": page,
        "older": urlencode({**kept, "before": page.older}) if page.older else "",
        "newest": urlencode(kept),
        "is_older": place(request) is not None,
        "actions": audit.actions(),
        "action": action,
        "actors": [*((name, name) for name in actors), (ITSELF, audit.installation())],
        "actor": actor,
    }
    return render(request, "accounts/audit.html", context)


def place(request: HttpRequest) -> int | None:
    """The entry below which to go on; what is not a number is as good as none."""
    before = request.GET.get("before", "")
    return int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None

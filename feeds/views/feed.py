"""The page of the live feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import account_page
from accounts.models import Account
from feeds import live, rows, search
from feeds.meanings import MEANINGS
from feeds.models import MAX_ID, Email
from feeds.query import Filter, Unclear
from feeds.terms import resolve

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access

PAGE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: a filter, or what is unclear about it, where the list begins (the emails older than
    the one of this id) and which email is open beside it."""

    wanted: Filter
    unclear: Unclear | None
    before: int | None
    opened: int | None

    @classmethod
    def read(cls, request: HttpRequest, access: Access) -> Asked:
        params = request.GET
        opened = _id(params.get("open", ""))
        try:
            wanted = Filter.read(params)
            resolve(wanted, access.account, timezone.now())
            return cls(wanted, None, _id(params.get("before", "")), opened)
        except Unclear as error:
            return cls(Filter(), error, None, opened)


def _id(text: str) -> int | None:
    return min(int(text), MAX_ID) if text.isascii() and text.isdigit() and len(text) < 20 else None


def address(name: str, slug: str, wanted: Filter, **more: object) -> str:
    """The address of a page about this filter."""
    query = urlencode([*wanted.params(), *more.items()])
    return reverse(name, args=[slug]) + (f"?{query}" if query else "")


def listed(request: HttpRequest, access: Access, asked: Asked) -> dict[str, Any]:
    """All that the list of emails is drawn from. A constant number of queries."""
    slug, wanted = access.account.slug, asked.wanted
    # Before the search: what comes in between is then told again, never missed.
    cursor = live.cursor_now()
    now = timezone.now()
    place = {} if asked.before is None else {"before": asked.before}
    found = search.Page([], None) if asked.unclear else search.page(access, wanted, now, asked.before, PAGE)
    return {
        "wanted": wanted,
        "page": found,
        "rows": rows.draw(found.emails, access.account, now),
        "cursor": cursor,
        "address": address("feed", slug, wanted, **place),
        "is_first": asked.before is None,
        "is_live": asked.before is None and not asked.unclear,
        "older_url": address("feed", slug, wanted, before=found.older) if found.older else "",
        "newest_url": address("feed", slug, wanted),
        "stream_url": address("feed-stream", slug, wanted),
        "export_url": address("feed-export", slug, wanted),
    }


@account_page()
@never_cache
@require_safe
def feed(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The emails of an account, newest first. With htmx only the list, or only the older rows."""
    asked = Asked.read(request, access)
    context = listed(request, access, asked)
    target = request.headers.get("HX-Target", "") if request.headers.get("HX-Request") else ""
    if target == "emails":
        return render(request, "feeds/older.html", context)
    context |= {
        "params": request.GET,
        "meanings": MEANINGS,
        "unclear": asked.unclear,
        "opened": asked.opened,
        "is_begun": bool(context["page"].emails) or is_begun(access),
    }
    if not context["is_begun"]:
        context["demo"] = Account.objects.filter(slug="demo", membership__user=access.membership.user_id).first()
    status = 400 if asked.unclear else 200
    if target == "results":
        # htmx shows only answers that are no error; the sentence is in the list.
        response = render(request, "feeds/results.html", context)
        response["HX-Push-Url"] = (
            "false" if asked.unclear or is_here(request, context["newest_url"]) else context["newest_url"]
        )
        return response
    return render(request, "feeds/feed.html", context, status=status)


def is_here(request: HttpRequest, url: str) -> bool:
    """Whether the person's address bar shows this address already, so that "back" needs no second step to leave it."""
    shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    return shown._replace(scheme="", netloc="", fragment="").geturl() == url


def is_begun(access: Access) -> bool:
    """Whether the account has any email at all."""
    return Email.objects.visible_in(access, timezone.now()).exists()

"""The page of the live feed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import account_page
from accounts.models import Account
from feeds import additions, counts, live, rows, saved, search
from feeds import controls as standing
from feeds.keys import KEYS, STATUSES, Key
from feeds.models import MAX_ID, Email
from feeds.query import Filter, Unclear
from feeds.terms import resolve
from feeds.views.emails import known

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, QueryDict
    from django.http.response import HttpResponseBase
    from django.utils.safestring import SafeString

    from accounts.access import Access

PAGE = 50


# What the form around the query box adds to an address; in the end all of it stands in `q`.
CONTROLS = ("q", "was", "status", "since", "after", "until")


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: a filter, or what is unclear about it, where the list begins (the emails older than
    the one of this id) and which email is open beside it."""

    wanted: Filter
    unclear: Unclear | None
    before: int | None
    opened: int | None
    is_tidy: bool = True

    @classmethod
    def read(cls, request: HttpRequest, access: Access) -> Asked:
        params = request.GET
        opened = _id(params.get("open", ""))
        try:
            wanted = Filter.read(params)
            resolve(wanted, access.account, timezone.now())
            said = [(name, value) for name in CONTROLS for value in params.getlist(name)]
            return cls(wanted, None, _id(params.get("before", "")), opened, said == wanted.params())
        except Unclear as error:
            return cls(Filter(), error, None, opened)


def _id(text: str) -> int | None:
    return min(int(text), MAX_ID) if text.isascii() and text.isdigit() and len(text) < 20 else None


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is unclear, for the form to show at its place: the sentence, and what was typed around the unclear part."""

    sentence: str
    field: str
    text: str
    start: int
    end: int
    since: str
    until: str

    @classmethod
    def of(cls, unclear: Unclear, params: QueryDict) -> Mistake:
        typed = [params.get(name, "") for name in ("since", "until")]
        return cls(unclear.sentence, unclear.field, params.get("q", ""), unclear.start, unclear.end, *typed)

    @property
    def is_in_box(self) -> bool:
        return self.field == "q"

    @property
    def before(self) -> str:
        return self.text[: self.start]

    @property
    def marked(self) -> str:
        return self.text[self.start : self.end] if self.is_in_box else ""

    @property
    def after(self) -> str:
        return self.text[self.end :]


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
        "tools": additions.tools(access, wanted),
        "download_link": address("feed-download", slug, wanted),
    }


def controls(request: HttpRequest, access: Access, asked: Asked) -> dict[str, Any]:
    """What the form around the query box is drawn from."""
    slug, wanted, now = access.account.slug, asked.wanted, timezone.now()
    named = [name for name in request.GET.getlist("status") if name in STATUSES] if asked.unclear else ()
    statuses = [STATUSES[name] for name in named] or wanted.statuses
    # What takes a moment to count comes when the page is already there.
    found = counts.of(access, wanted, now) if counts.is_quick(wanted) else None
    return {
        "total": standing.total(found, wanted) if found else None,
        "counts_url": address("feed-counts", slug, wanted),
        "saved_views": saved.visible(access),
        "mistake": Mistake.of(asked.unclear, request.GET) if asked.unclear else None,
        "chips": standing.chips(statuses, found),
        "span": standing.spoken(wanted, now),
        "spans": [(offer, address("feed", slug, offer.wanted)) for offer in standing.spans(wanted, now)],
    }


def opened(access: Access, asked: Asked) -> dict[str, Any]:
    """The email that is open beside the list, if the account has it."""
    if asked.opened is None:
        return {}
    found = Email.objects.visible_in(access, timezone.now()).filter(id=asked.opened).first()
    return known(access, found) if found else {}


@lru_cache(512)
def explained(slug: str, language: str | None) -> SafeString:
    """The keys of the language, each with examples that can be tried, as rows of a table in the active language.

    They are on every page and never change, and drawing them takes longer than the emails.
    """

    def tried(key: Key, example: str) -> tuple[str, str]:
        text = f"{key.name}:{example}"
        # Sources have the names the account gave them.
        return text, "" if key.name == "source" else f"{reverse('feed', args=[slug])}?{urlencode({'q': text})}"

    keys = [(key, [tried(key, example) for example in key.examples]) for key in KEYS]
    return render_to_string("feeds/search/keys.html", {"keys": keys})


@account_page()
@never_cache
@require_safe
def feed(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The emails of an account, newest first. With htmx only the list and what the form says of it, or only the older
    rows. The form's controls end up in the query: an address is always written in one way."""
    asked = Asked.read(request, access)
    slug, target = access.account.slug, request.headers.get("HX-Target", "") if is_htmx(request) else ""
    if not target and not asked.unclear and not asked.is_tidy:
        places = {"before": asked.before, "open": asked.opened}
        return redirect(address("feed", slug, asked.wanted, **{name: at for name, at in places.items() if at}))
    if target == "results" and asked.unclear:
        # What was found before stays; htmx shows only answers that are no error.
        response = render(request, "feeds/search/swapped.html", controls(request, access, asked))
        return add_headers(response, {"HX-Reswap": "none", "HX-Push-Url": "false"})
    context = listed(request, access, asked)
    if target == "emails":
        return render(request, "feeds/older.html", context)
    context |= controls(request, access, asked)
    context |= {"keys": explained(slug, get_language()), **opened(access, asked)}
    context["is_begun"] = bool(context["page"].emails) or is_begun(access)
    if not context["is_begun"]:
        context["demo"] = Account.objects.filter(slug="demo", membership__user=access.membership.user_id).first()
    if target == "results":
        response = render(request, "feeds/found.html", context)
        return add_headers(response, {"HX-Push-Url": pushed(request, context["address"])})
    return render(request, "feeds/feed.html", context, status=400 if asked.unclear else 200)


def is_htmx(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def add_headers(response: HttpResponse, headers: dict[str, str]) -> HttpResponse:
    for name, value in headers.items():
        response[name] = value
    return response


def pushed(request: HttpRequest, url: str) -> str:
    """What the address bar is to show: nothing new where it says the same, so that "back" needs no second step."""

    def parts(address: str) -> tuple[str, list[tuple[str, str]]]:
        split = urlsplit(address)
        return split.path, [pair for pair in parse_qsl(split.query) if pair[0] != "open"]

    return "false" if parts(request.headers.get("HX-Current-URL", "")) == parts(url) else url


def is_begun(access: Access) -> bool:
    """Whether the account has any email at all."""
    return Email.objects.visible_in(access, timezone.now()).exists()

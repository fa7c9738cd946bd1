"""The list: search, filters, pages, and the same as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts import streaming
from accounts.models import Membership, User
from suppression import evidence, export, listing
from suppression.listing import Place
from suppression.lists import list_page
from suppression.models import Covers, Origin, Reason
from suppression.sought import Sought, Unclear, Way

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from suppression.listing import Counts, Page
    from suppression.lists import List

# Members to choose from; the page of the last of thousands can still be asked for.
MOST_MEMBERS = 200
BY = {
    Origin.EVENT: gettext_lazy("events"),
    Origin.PERSON: gettext_lazy("somebody by hand"),
    Origin.IMPORT: gettext_lazy("imports"),
    Origin.KEY: gettext_lazy("the API"),
}
# Asked again so many seconds later, there is likely to be a place.
RETRY_AFTER = 30


@require_safe
@list_page()
def listed(request: HttpRequest, at: List) -> HttpResponseBase:
    """A page of the list, in the order in which entries came, the newest first."""
    params = request.GET
    try:
        sought, mistake = Sought.read(params), ""
    except Unclear as error:
        return render(request, "suppression/list.html", unclear(at, params, str(error)), status=422)
    before, after = (Place.read(params.get(name, "")) for name in ("before", "after"))
    found = listing.page(at, sought, before=before, after=after)
    counts = listing.counts(at, sought)
    here = {name: value for name, value in params.items() if name in (*sought.params(), "before", "after")}
    context = controls(at, sought) | {
        "mistake": mistake,
        "page": found,
        "lines": evidence.lines(at, found.entries, timezone.now()),
        "chips": chips(at, sought, counts),
        "total": counts.total,
        "here": f"{request.path}?{urlencode(here)}" if here else request.path,
        "is_empty": not found.entries and not sought.params() and before is None,
        "is_first": before is None and found.newer is None,
        **pager(at, sought, found),
        **readings(at, sought),
    }
    return render(request, "suppression/list.html", context)


def controls(at: List, sought: Sought) -> dict[str, Any]:
    """What stands in the form above the list."""
    return {
        "at": at,
        "sought": sought,
        "q": sought.text,
        "since": sought.days[0].isoformat() if sought.days[0] else "",
        "until": sought.days[1].isoformat() if sought.days[1] else "",
        "covers": [(one.name.lower(), one.label, one == sought.covers) for one in Covers],
        "by": [(one.name.lower(), said, one == sought.origin) for one, said in BY.items()],
        "people": [(f"u{pk}", name, pk == sought.member) for pk, name in people(at)],
        "is_narrowed": bool(sought.params()),
        "download": link(at, "suppression-export", sought.params()),
    }


def unclear(at: List, params: Mapping[str, str], sentence: str) -> dict[str, Any]:
    """The same with what was written, and what is wrong with it."""
    written = {name: params.get(name, "")[:400] for name in ("q", "since", "until")}
    return controls(at, Sought()) | written | {"mistake": sentence, "is_narrowed": True}


def people(at: List) -> list[tuple[int, str]]:
    """Who may have put something on the list."""
    if at.account:
        found = Membership.objects.filter(account=at.account).order_by("user__username")
        return list(found.values_list("user_id", "user__username")[:MOST_MEMBERS])
    return list(
        User.objects.filter(is_superuser=True).order_by("username").values_list("pk", "username")[:MOST_MEMBERS]
    )


def link(at: List, name: str, params: Mapping[str, str]) -> str:
    address = at.url(name)
    return f"{address}?{urlencode(params)}" if params else address


def chips(at: List, sought: Sought, counts: Counts) -> list[dict[str, Any]]:
    """For each reason, and for any, a link to the list with it, and how many there are."""
    total = listing.Count(
        sum(c.n for c in counts.by_reason.values()), all(c.is_exact for c in counts.by_reason.values())
    )
    if not total.is_exact:
        total = listing.Count(min(total.n, listing.CAP), is_exact=False)
    rows: list[tuple[Reason | None, Any]] = [(None, total), *counts.by_reason.items()]
    return [
        {
            "reason": reason,
            "url": link(at, "suppressions", sought.with_reason(reason).params()),
            "is_on": sought.reason == reason,
            "count": count,
        }
        for reason, count in rows
    ]


def pager(at: List, sought: Sought, found: Page) -> dict[str, str]:
    """Where the pages beside this one are, "" where there are none."""
    beside = {"newer": ("after", found.newer), "older": ("before", found.older)}
    urls = {
        f"{name}_url": link(at, "suppressions", sought.params(**{word: str(place)})) if place else ""
        for name, (word, place) in beside.items()
    }
    return urls | {"newest_url": link(at, "suppressions", sought.params())}


def readings(at: List, sought: Sought) -> dict[str, str]:
    """How the box was read, and the other way to read it, where there is one."""
    if sought.way == Way.ADDRESS:
        said = _("Looked for this address, and for domains and patterns that cover it.")
    elif sought.way == Way.DOMAIN:
        said = _("Looked for all that is at the domain %(domain)s.") % {"domain": sought.domain}
    else:
        return {}
    return {"reading": said, "part_url": link(at, "suppressions", sought.params(how="part"))}


@require_safe
@list_page()
def file(request: HttpRequest, at: List) -> HttpResponseBase:
    """All entries of the filter as CSV, streamed."""
    try:
        sought = Sought.read(request.GET)
    except Unclear:
        # Which shows the sentence, and where it can be mended.
        return HttpResponseRedirect(f"{at.url('suppressions')}?{request.GET.urlencode()}")
    whose = at.account.slug if at.account else "installation"
    name = f"suppressions-{whose}-{timezone.localdate():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    content_type = "text/csv; charset=utf-8"
    if request.method == "HEAD":
        return HttpResponse(content_type=content_type, headers=headers)
    try:
        content = streaming.content(request, export.file(at, sought))
    except streaming.Busy:
        response = render(request, "suppression/busy.html", {"at": at}, status=503)
        response["Retry-After"] = str(RETRY_AFTER)
        return response
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)

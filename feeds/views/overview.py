"""The overview: how many emails there were in a time, and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import origins
from accounts.access import account_page
from feeds import overview as counts
from feeds import panels, periods
from feeds.cohorts import Dimension
from feeds.figures import Numbers
from feeds.panels import Because, Page
from feeds.periods import Period, Unclear
from feeds.questions import Feed

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from accounts.access import Access
    from accounts.models import Account

CHOICES = (
    (periods.HOURS, _("Last 24 hours")),
    ("7d", _("Last 7 days")),
    ("28d", _("Last 28 days")),
    ("90d", _("Last 90 days")),
    (periods.CHOSEN, _("Days of your choice")),
)
# What a table lists, by its name in the address, with the key of the query language.
TABLES = {"sender": (Dimension.SENDER, "from"), "domain": (Dimension.DOMAIN, "domain")}
SORTS = {measure.name: measure for measure in (counts.EMAILS, *counts.COLUMNS)}


@account_page()
@never_cache
@require_safe
def overview(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The figures of a time, each a link to exactly the emails it counts. A constant number of queries."""
    account, now = access.account, timezone.now()
    unclear: Unclear | None = None
    kept_since = account.kept_since(now)
    try:
        period = periods.read(request.GET, account.zone, kept_since, now)
    except Unclear as error:
        unclear, period = error, periods.read(QueryDict(), account.zone, kept_since, now)
    numbers = Numbers()
    course = counts.course(account.id, period)
    page = Page(course, period, Feed(account.slug), numbers)
    context = {
        "unclear": unclear,
        "params": request.GET,
        "period": period,
        "choices": [(value, label, value == period.choice) for value, label in CHOICES],
        "is_running": period.ends_at > now,
        "is_empty": not course.total["emails"],
        "page": page,
        "before": panels.before_words(period, numbers),
        "volume_before": panels.volume_before(course, numbers),
        "standings": origins.standings(access, now),
        **by_days(request.GET, account, page),
    }
    return render(request, "feeds/overview.html", context, status=400 if unclear else 200)


def by_days(params: QueryDict, account: Account, page: Page) -> dict[str, Any]:
    """What is counted by whole days: senders or domains, and why emails did not arrive."""
    period = page.period
    zone = counts.counted_in(account.id)
    days = counts.Days(period.first, period.last, ZoneInfo(zone or account.time_zone))
    by = params.get("by", "") if params.get("by", "") in TABLES else "sender"
    sort = SORTS.get(params.get("sort", ""), counts.EMAILS)
    dimension, key = TABLES[by]
    least = counts.least_for(sort, page.course.total["emails"])
    asked = page.asked_of(days)
    ranked = counts.top(account.id, dimension, days, sort, least)
    return {
        "by": by,
        "sort": sort.name,
        "least": page.numbers.count(least),
        "is_ranked": sort.of != "",
        "other_zone": zone if zone and zone != account.time_zone else "",
        "days": days,
        "lines": page.lines(ranked.rows, key, asked),
        "ranked_since": ranked.ranked_since,
        "tabs": [(name, address(account, period, name, sort.name)) for name in TABLES],
        "sorts": [(m, address(account, period, by, m.name), m is sort) for m in SORTS.values()],
        "bounced": why(account, page, days, counts.BOUNCED),
        "dropped": why(account, page, days, counts.DROPPED),
        "waiting": page.waiting(account.id),
    }


def why(account: Account, page: Page, days: counts.Days, measure: counts.Measure) -> list[Because]:
    """The commonest reasons of what this counts."""
    found = counts.top(account.id, Dimension.REASON, days, measure)
    return page.reasons(found.rows, measure, page.asked_of(days))


def address(account: Account, period: Period, by: str, sort: str) -> str:
    """The same time with another table, or in another order."""
    pairs = [*period.params(), ("by", by), ("sort", sort)]
    return f"{reverse('overview', args=[account.slug])}?{urlencode(pairs)}#tables"

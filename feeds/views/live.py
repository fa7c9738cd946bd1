"""The stream of the live feed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError, close_old_connections
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.access import enter
from feeds import stream, terms
from feeds.live import Cursor, cursor_now
from feeds.query import Filter, Unclear
from feeds.viewers import Watch

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


# When a web process ends, all of its viewers come at once: they wait here, not for all of the other's connections.
_threads = ThreadPoolExecutor(3, "streams")


# Who is signed in no more is told so by a 204: a browser would follow a redirect, and complain of what it finds there.
@login_not_required
@require_safe
async def feed_stream(request: HttpRequest, slug: str) -> HttpResponseBase:
    """What is new in a filter, as server-sent events (feeds/stream.py), from `Last-Event-ID` or `?cursor=` on.

    204 tells a browser not to come again: not signed in, or no member. A HEAD asks only whether it may.
    """
    try:
        asked = await sync_to_async(_asked, thread_sensitive=False, executor=_threads)(request, slug)
    except (OperationalError, InterfaceError):
        return HttpResponse(status=503, headers={"Cache-Control": "no-store"})
    if isinstance(asked, HttpResponse):
        return asked
    if request.method == "HEAD":
        return HttpResponse(headers=stream.HEADERS)
    return StreamingHttpResponse(stream.events(*asked), headers=stream.HEADERS)


def _asked(request: HttpRequest, slug: str) -> HttpResponse | tuple[Watch, Cursor]:
    """What is to be watched, and from when on: all that needs the database."""
    try:
        access = enter(request.user, slug)
        wanted = Filter.read(request.GET)
        resolved = terms.resolve(wanted, access.account, timezone.now())
        brought = Cursor.parse(request.headers.get("Last-Event-ID", "") or request.GET.get("cursor", ""))
        return Watch(access.account, resolved, wanted.text, get_language() or ""), brought or cursor_now()
    except (Http404, PermissionDenied):
        return HttpResponse(status=204)
    except Unclear as error:
        return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
    finally:
        # Nothing else gives the connection back in a thread of ours.
        close_old_connections()

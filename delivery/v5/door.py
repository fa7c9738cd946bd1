"""The door of the API: which method, whose key, and an answer to whatever goes wrong behind it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, InternalError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from accounts.callers import ip_of
from accounts.keys import Locked, unlock
from delivery.orders import Fault, Refused
from delivery.v5 import answers, body
from feeds.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from accounts.keys import KeyAccess, Scope

log = structlog.get_logger(__name__)

AWAY = (OperationalError, InterfaceError, InternalError)
# Of our own: where callers are too many for the connections, webhooks need not go to disk.
database = Outage()

LONGEST_PATH = 200

type Taker = Callable[[HttpRequest, KeyAccess, datetime], HttpResponse]


def door(scope: Scope, *methods: str) -> Callable[[Taker], Callable[[HttpRequest], HttpResponse]]:
    """Make a view of `(request, access, now)`, which may raise Stop and Refused, for keys that have this scope.

    Method, key and headers are looked at in that order, before anything is read: 405, 401 and 403, 413 and 415. 503
    with Retry-After where the database is away.
    """

    def decorate(take: Taker) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @login_not_required
        @wraps(take)
        def inside(request: HttpRequest) -> HttpResponse:
            now = timezone.now()
            try:
                _check_method(request, methods)
                access = _enter(request, scope, now)
                if request.method != "GET":
                    body.check(request)
                return take(request, access, now)
            except answers.Stop as stop:
                return stop.answer
            except Refused as refused:
                return answers.wrong(400, refused.faults)
            except AWAY as error:
                log.warning("request_not_taken", error=type(error).__name__)
                return answers.later()

        return inside

    return decorate


@csrf_exempt
@login_not_required
def nowhere(request: HttpRequest) -> HttpResponse:
    """Whatever is asked below the API's address and is not there, in the API's shape."""
    sentence = _(
        "There is nothing at %(path)s. Mail is sent by a POST to /v5/mail/send, and /v5/suppression is the list."
    )
    return answers.wrong(404, [Fault("", _("Not found"), sentence % {"path": request.path[:LONGEST_PATH]})])


def _check_method(request: HttpRequest, methods: tuple[str, ...]) -> None:
    if request.method not in methods:
        sentence = _("Send a POST.")
        if len(methods) > 1:
            sentence = _("Send one of these: %(methods)s.") % {"methods": ", ".join(methods)}
        raise answers.Stop(405, Fault("", _("Method not allowed"), sentence), Allow=", ".join(methods))


def _enter(request: HttpRequest, scope: Scope, now: datetime) -> KeyAccess:
    if not database.worth_asking():
        raise OperationalError
    try:
        access = unlock(_key(request), scope, ip_of(request), now)
    except Locked as locked:
        database.answered()
        word = _("Unauthorized") if locked.status == 401 else _("Forbidden")
        raise answers.Stop(locked.status, Fault("api_key", word, locked.sentence)) from None
    except AWAY:
        database.failed()
        raise
    database.answered()
    return access


def _key(request: HttpRequest) -> str:
    """The header api_key. Django drops names with an underscore, and so do some proxies: api-key and Bearer do too."""
    for name, value in getattr(request, "scope", {}).get("headers", ()):
        if name.lower() == b"api_key":
            return str(value.decode("latin-1")).strip()
    bearer = request.headers.get("Authorization", "")
    told = bearer[7:] if bearer[:7].lower() == "bearer " else ""
    return (request.headers.get("Api-Key") or told).strip()

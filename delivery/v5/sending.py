"""POST /v5/mail/send: sign in, read, take, in that order. Answered before Django's middleware (settings/road.py)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, InternalError, OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from accounts.callers import ip_of
from accounts.keys import Locked, Scope, unlock
from delivery import accept
from delivery.orders import Conflict, Fault, Idempotency, Refused
from delivery.storage import storable
from delivery.v5 import answers, body, reading
from feeds.outage import Outage

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from accounts.keys import KeyAccess

log = structlog.get_logger(__name__)

AWAY = (OperationalError, InterfaceError, InternalError)
LONGEST_KEY = 255
# Of our own: where callers are too many for the connections, webhooks need not go to disk.
database = Outage()


@csrf_exempt
@login_not_required
def send(request: HttpRequest) -> HttpResponse:
    """Take one request.

    202 with the message id, or 200 for one that is only to be checked; 400 with what is wrong in which field; 401 and
    403 the key; 405, 413, 415 no such request; 422 an Idempotency-Key used for another one; 503 with Retry-After.
    """
    now = timezone.now()
    try:
        if request.method != "POST":
            raise answers.Stop(405, Fault("", _("Method not allowed"), _("Send a POST.")), Allow="POST")
        access = _enter(request, now)
        body.check(request)
        return _take(request, access, now)
    except answers.Stop as stop:
        return stop.answer
    except Refused as refused:
        return answers.wrong(400, refused.faults)
    except Conflict as conflict:
        return answers.wrong(422, [Fault("Idempotency-Key", _("Key used before"), str(conflict))])
    except AWAY as error:
        log.warning("order_not_stored", error=type(error).__name__)
        return answers.later()


def _enter(request: HttpRequest, now: datetime) -> KeyAccess:
    if not database.worth_asking():
        raise OperationalError
    try:
        access = unlock(_key(request), Scope.SEND, ip_of(request), now)
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


def _take(request: HttpRequest, access: KeyAccess, now: datetime) -> HttpResponse:
    raw = body.read(request)
    order, only_check = reading.order(body.parse(raw))
    order.key_id = access.key.id
    if only_check:
        accept.check(order, access.account, now)
        return answers.done(200, {}, _("The request is valid. Nothing was sent, as lint_payload asks for."))
    accepted = accept.accept(order, access.account, now, _idempotency(request, raw))
    return answers.done(202, {"message_id": accepted.uid})


def _idempotency(request: HttpRequest, raw: bytes) -> Idempotency | None:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return None
    if len(key) > LONGEST_KEY:
        sentence = _("It may have %(n)d letters.") % {"n": LONGEST_KEY}
        raise answers.Stop(400, Fault("Idempotency-Key", _("Invalid value"), sentence))
    return Idempotency(storable(key), sha256(raw).hexdigest())

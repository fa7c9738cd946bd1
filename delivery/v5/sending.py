"""POST /v5/mail/send. Answered before Django's middleware (settings/road.py)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.keys import Scope
from delivery import accept
from delivery.orders import Conflict, Fault, Idempotency
from delivery.storage import storable
from delivery.v5 import answers, body, reading
from delivery.v5.door import door

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from accounts.keys import KeyAccess

LONGEST_KEY = 255


@door(Scope.SEND, "POST")
def send(request: HttpRequest, access: KeyAccess, now: datetime) -> HttpResponse:
    """Take one request: 202 with the message id, or 200 for one that is only to be checked; 400 with what is wrong in
    which field; 422 an Idempotency-Key used for another one; and what the door says."""
    raw = body.read(request)
    order, only_check = reading.order(body.parse(raw))
    order.key_id = access.key.id
    if only_check:
        accept.check(order, access.account, now)
        return answers.done(200, {}, _("The request is valid. Nothing was sent, as lint_payload asks for."))
    try:
        accepted = accept.accept(order, access.account, now, _idempotency(request, raw))
    except Conflict as conflict:
        raise answers.Stop(422, Fault("Idempotency-Key", _("Key used before"), str(conflict))) from None
    return answers.done(202, {"message_id": accepted.uid})


def _idempotency(request: HttpRequest, raw: bytes) -> Idempotency | None:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return None
    if len(key) > LONGEST_KEY:
        sentence = _("It may have %(n)d letters.") % {"n": LONGEST_KEY}
        raise answers.Stop(400, Fault("Idempotency-Key", _("Invalid value"), sentence))
    return Idempotency(storable(key), sha256(raw).hexdigest())

"""What callers are told, in Netcore's shape: success with data, or a list of what is wrong and in which field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from delivery.orders import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FAULTS = 100
RETRY_SECONDS = 10


class Stop(Exception):
    """The request ends here, with this answer."""

    def __init__(self, status: int, *faults: Fault, **headers: str) -> None:
        super().__init__(status)
        self.answer = wrong(status, faults, **headers)


def done(status: int, data: dict[str, Any], message: str = "OK") -> HttpResponse:
    return _json(status, {"data": data, "message": message, "status": "success"})


def wrong(status: int, faults: Sequence[Fault], **headers: str) -> HttpResponse:
    """The first hundred of these, so that an answer is never larger than what was asked."""
    told = [
        {"description": fault.description, "message": fault.sentence, "field": fault.field}
        for fault in faults[:MOST_FAULTS]
    ]
    answer = _json(status, {"error": told, "message": "ERROR", "status": "error"})
    for name, value in headers.items():
        answer.headers[name.replace("_", "-")] = value
    return answer


def later() -> HttpResponse:
    """The database is away: nothing was stored."""
    fault = Fault("", _("Try again later"), _("Nothing could be stored just now. Please send the request again."))
    return wrong(503, [fault], Retry_After=str(RETRY_SECONDS))


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(json.dumps(body, separators=(",", ":")), status=status, content_type="application/json")

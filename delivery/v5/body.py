"""From the bytes of a request to JSON, with a bound on everything: nothing is read before its size is known."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http.request import UnreadablePostError
from django.utils.translation import gettext as _

from delivery.orders import Fault
from delivery.storage import storable_parts
from delivery.v5.answers import Stop

if TYPE_CHECKING:
    from django.http import HttpRequest

GZIP = 31  # zlib's number for "with gzip's header"
# What JSON can say and PostgreSQL cannot hold: NUL and halves of surrogate pairs.
ODD_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def check(request: HttpRequest) -> None:
    """Raise Stop where the headers say already that this is not to be read."""
    kind = (request.content_type or "").lower()
    if kind not in ("application/json", "text/json", "") and not kind.endswith("+json"):
        raise Stop(415, Fault("Content-Type", _("Unsupported media type"), _("Send JSON (application/json).")))
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > settings.SEND_REQUEST_MOST_BYTES:
        raise _too_large()
    if _encoding(request) not in ("", "identity", "gzip", "x-gzip"):
        sentence = _("Send the body as it is, or compressed with gzip.")
        raise Stop(415, Fault("Content-Encoding", _("Unsupported media type"), sentence))


def read(request: HttpRequest) -> bytes:
    """The body, without its compression. Raises Stop."""
    most = settings.SEND_REQUEST_MOST_BYTES
    try:
        body: bytes = request.read(most + 1)
    except (UnreadablePostError, OSError):
        raise Stop(400, _broken(_("The request ended before its body did. Send it again."))) from None
    if len(body) > most:
        raise _too_large()
    return _gunzip(body, most) if _encoding(request).endswith("gzip") else body


def _encoding(request: HttpRequest) -> str:
    return request.headers.get("Content-Encoding", "").strip().lower()


def _gunzip(body: bytes, most: int) -> bytes:
    """At most so much, however much is packed into it."""
    pieces, size = [], 0
    while body:
        unpacking = zlib.decompressobj(GZIP)
        try:
            piece = unpacking.decompress(body, most + 1 - size)
        except zlib.error:
            raise Stop(400, _broken(_("The body is not gzip, although its header says so."))) from None
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise _too_large()
        if not unpacking.eof:
            raise Stop(400, _broken(_("The request ended before its body did. Send it again.")))
        body = unpacking.unused_data
    return b"".join(pieces)


def parse(body: bytes) -> dict[str, Any]:
    """The object that the body is. Raises Stop."""
    try:
        parsed = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        told = str(error) if isinstance(error, json.JSONDecodeError) else _("It cannot be read.")
        raise Stop(400, _broken(_("The body is not JSON: %(error)s") % {"error": told})) from None
    if not isinstance(parsed, dict):
        raise Stop(400, _broken(_('The body must be a JSON object, as in {"from": ...}.')))
    return storable_parts(parsed) if ODD_ESCAPES.search(body) else parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _broken(sentence: str) -> Fault:
    return Fault("", _("Invalid request body"), sentence)


def _too_large() -> Stop:
    most = settings.SEND_REQUEST_MOST_BYTES // 1024 // 1024
    return Stop(
        413,
        Fault("", _("Request too large"), _("A request may have %(n)d MB. Divide it into several.") % {"n": most}),
    )

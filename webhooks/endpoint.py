"""The address a provider posts to: checked, stored, acknowledged, in that order and in one breath."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import Error
from django.http import HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from webhooks import intake, sources
from webhooks.providers import PROVIDERS
from webhooks.requests import RawRequest, Refused, TryLater

if TYPE_CHECKING:
    from django.http import HttpRequest

    from webhooks.providers.base import Provider
    from webhooks.sources import Known

MOST_BYTES = 5 * 1024 * 1024
CONTENT_TYPES = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain",
    "application/octet-stream", "text/json", "",
)  # fmt: skip
RETRY_SECONDS = 60


def answer(status: int, sentence: str, **headers: str) -> HttpResponse:
    """A short plain answer that says what happened and what to do."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(sentence + "\n", status=status, content_type="text/plain; charset=utf-8", headers=named)


@csrf_exempt
@login_not_required
def receive(request: HttpRequest, token: str) -> HttpResponse:
    """Take in one webhook request.

    200 stored; 401 not proven; 403 source switched off; 404 no such address; 405, 413, 415 not a webhook request;
    503 with Retry-After (429 for providers that discard on 5xx) where it could not be stored.
    """
    try:
        source = sources.find(token)
    except Error:
        return later(None)
    if source is None:
        return answer(404, "No source has this address. Copy it again from the source's page.")
    if request.method in ("HEAD", "GET"):
        # Netcore and Mandrill try an address with a HEAD before they accept it, Unisender Go with a GET.
        return answer(200, "This address takes webhook requests (POST).")
    if request.method != "POST":
        return answer(405, "This address takes webhook requests (POST).", Allow="POST, GET, HEAD")
    provider = PROVIDERS.get(source.provider)
    if not source.enabled or provider is None:
        return answer(403, "This source is switched off. Switch it on on its page.")
    return refusal(request) or take(request, source, provider)


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Why this cannot be a webhook request, or None. Nothing of the body is read before its size is known."""
    content_type = (request.content_type or "").lower()
    if content_type not in CONTENT_TYPES and not content_type.endswith("+json"):
        return answer(415, "Send JSON (application/json) or a form.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return too_large()
    return None


def too_large() -> HttpResponse:
    return answer(413, f"A request may have {MOST_BYTES // 1024 // 1024} MB. Send fewer events at a time.")


def take(request: HttpRequest, source: Known, provider: Provider) -> HttpResponse:
    """Verify and store the request, and say so."""
    try:
        body = request.body
    except RequestDataTooBig:
        return too_large()
    except (UnreadablePostError, RawPostDataException):
        return answer(400, "The request ended before its body did. Send it again.")
    if len(body) > MOST_BYTES:
        return too_large()
    if not body:
        return answer(200, "Nothing to store: the request has no body.")
    headers = {name: request.headers[name] for name in provider.headers if name in request.headers}
    raw = RawRequest(
        body, timezone.now(), request.headers.get("Content-Type", ""), headers,
        f"{settings.LIVEFEEDS_URL}{request.get_full_path()}",
    )  # fmt: skip
    try:
        provider.verify(raw, source.secrets, raw.received_at)
        kept = RawRequest(body, raw.received_at, raw.content_type, without_secrets(headers))
        intake.keep(source, kept)
    except Refused as error:
        # Amazon SNS sends a name and password only after it was asked for them this way (RFC 9110, 15.5.2).
        return answer(401, str(error), WWW_Authenticate='Basic realm="Live Feeds"')
    except (TryLater, OSError):
        return later(provider)
    return answer(200, "Stored.")


def without_secrets(headers: dict[str, str]) -> dict[str, str]:
    """What is kept of the headers: a password has done its work once the request is verified."""
    return {name: value for name, value in headers.items() if name != "authorization"}


def later(provider: Provider | None) -> HttpResponse:
    """Ask for the request again. One we cannot know (None) may be one that discards on a 5xx: 429."""
    status = 503 if provider and not provider.discards_on_5xx else 429
    return answer(status, "It could not be stored just now. Please send it again.", Retry_After=str(RETRY_SECONDS))

"""From an HTTP request to a stored one: the steps of the road in, without HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from feeds import inbox, keeping
from feeds.inbox import CannotRead, Incoming
from webhooks import providers
from webhooks.models import SeenNonce, Source
from webhooks.requests import RawRequest, Refused, TryLater, Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feeds.events import Event
    from feeds.models import InboxRow
    from webhooks.providers.base import Provider
    from webhooks.sources import Known

KIND = "webhook"
NONCES_KEPT = timedelta(days=2)


def keep(source: Known, raw: RawRequest, *, is_test: bool = False) -> None:
    """Store a request that proved itself, in the database or, while that is away, on disk.

    Raises Refused for a nonce that came with another body before, and OSError where neither can be written.
    """
    incoming = Incoming(
        source.account_id, source.id, KIND, raw.received_at, raw.content_type, raw.headers, raw.body, is_test
    )
    keeping.keep([incoming], store)


def store(incoming: Incoming) -> None:
    """Store a request in the database. Raises Refused and django.db.Error."""
    nonce = _nonce(incoming)
    if not nonce:
        inbox.store(incoming)
        return
    with transaction.atomic():
        _use_nonce(incoming, nonce)
        inbox.store(incoming)


def store_spooled(incoming: Incoming) -> None:
    """Store a request that was acknowledged while the database was away. Its nonce could not be looked up then: one
    that turns out to be a replay is kept in the inbox, marked, and gives no events. Raises django.db.Error."""
    try:
        store(incoming)
    except Refused as error:
        inbox.store_failed(incoming, str(error))


def _nonce(incoming: Incoming) -> str:
    provider = _provider(incoming.source_id)
    if provider is None or provider.nonce is None or incoming.is_test:
        return ""
    return provider.nonce(RawRequest(incoming.body, incoming.received_at, incoming.content_type, incoming.headers))[
        :100
    ]


def _use_nonce(incoming: Incoming, nonce: str) -> None:
    """A nonce proves one body: with another one it is a replay. The same request again is only a retry."""
    digest = sha256(incoming.body).hexdigest()
    seen, _new = SeenNonce.objects.get_or_create(
        source_id=incoming.source_id, nonce=nonce, defaults={"digest": digest, "seen_at": incoming.received_at}
    )
    if seen.digest != digest:
        raise Refused(_("This request's token was used before, with another body."))


def forget_nonces(now: datetime) -> int:
    """Forget nonces whose requests are refused for their age by now; returns how many."""
    return SeenNonce.objects.filter(seen_at__lt=now - NONCES_KEPT).delete()[0]


# ---- Reading ----------------------------------------------------------------------------------------------

# A source never changes its provider, so this is never stale; it is as large as the number of sources.
_provider_of: dict[int, str] = {}


def _provider(source_id: int) -> Provider | None:
    if source_id not in _provider_of:
        slug = Source.objects.filter(id=source_id).values_list("provider", flat=True).first()
        if slug is None:
            return None
        _provider_of[source_id] = slug
    return providers.PROVIDERS.get(_provider_of[source_id])


def read(row: InboxRow) -> Sequence[Event]:
    """The events of a stored webhook request. Raises CannotRead."""
    provider = _provider(row.source_id)
    if provider is None:
        raise CannotRead("The source this request came to was deleted, so nobody knows which provider sent it.")
    raw = RawRequest(bytes(row.body), row.received_at, row.content_type, row.headers)
    try:
        if provider.settle and not row.is_test:
            provider.settle(raw)
        return provider.parse(raw)
    except (Unreadable, Refused, TryLater, OSError) as error:
        raise CannotRead(str(error)) from error

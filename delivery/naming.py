"""What the mail that is sent from here is called: by the feed, and in its own header."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from delivery.models import Message, SenderDomain, source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Alike in all languages: filters name it, and are saved and passed on.
OURS = "Live Feeds"


def sources(account_id: int, source_ids: Collection[int] | None) -> Mapping[int, str]:
    """The account's own sending, as a source beside its webhooks."""
    ours = source_of(account_id)
    known = _sends(account_id) if source_ids is None else ours in source_ids
    return {ours: OURS} if known else {}


def _sends(account_id: int) -> bool:
    """Whether an account sends from here, or did so lately."""
    domains = SenderDomain.objects.filter(account_id=account_id)
    return domains.exists() or Message.objects.filter(account_id=account_id).exists()


def header_id(message_uid: str, recipient: str, sender_domain: str) -> str:
    """The Message-ID (RFC 5322) of one email, without brackets: the same at every attempt.

    `message_uid` is as its events have it, the domain in ASCII.
    """
    digest = blake2b(recipient.lower().encode(errors="replace"), digest_size=4).hexdigest()
    return f"{message_uid}.{digest}@{sender_domain}"


def domains(account_id: int) -> list[str]:
    """The domains the account sends from."""
    return list(SenderDomain.objects.filter(account_id=account_id).order_by("name").values_list("name", flat=True))

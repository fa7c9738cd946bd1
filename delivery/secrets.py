"""Secrets of an account that cannot be read any more, because the installation's SECRET_KEY was changed.

Mail that needs them waits (routes.py): sent another way, or unsigned, it would do harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import TextField
from django.db.models.functions import Cast

from accounts import vault
from delivery.models import SenderDomain, Transport

if TYPE_CHECKING:
    from accounts.access import Access


def unreadable(access: Access) -> list[str]:
    """The names of the transports and domains of this account whose secrets cannot be read."""
    transports = Transport.objects.of(access).filter(enabled=True).order_by("name")
    domains = SenderDomain.objects.of(access).order_by("name")
    sealed = [
        *transports.values_list("name", Cast("secrets", TextField())),
        *domains.values_list("name", Cast("private_key", TextField())),
    ]
    return [name for name, text in sealed if not vault.is_readable(text)]


def held_by(transport: Transport) -> dict[str, Any]:
    """The secrets of a transport, read when they are asked for; nothing where they cannot be: they are typed again."""
    try:
        return dict(transport.secrets or {})
    except ImproperlyConfigured:
        return {}

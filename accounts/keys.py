"""API keys: what programs sign in with, over HTTP and SMTP alike.

A key is 240 bits of chance, so a fast hash is enough, and it is found by that hash: how long that takes tells nobody
anything about a key. Nothing is remembered between two requests, so that a key is revoked for all processes at once.
"""

from __future__ import annotations

import ipaddress
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Account, ApiKey, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from accounts.access import Access

__all__ = ["ApiKey", "KeyAccess", "Locked", "Scope", "make_key", "network", "revoke", "unlock"]

LETTERS = string.ascii_letters + string.digits
MARK = "lf_"  # so that a key that leaked is recognised as one of ours
LENGTH = 40
SHOWN = 8
LONGEST = 200
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """A program inside an account: proof that the key may act for it."""

    account: Account
    key: ApiKey


class Locked(Exception):
    """A key does not open. The text says why and what to do; `status` is 401 (who are you?) or 403 (not this)."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


@transaction.atomic
def make_key(
    access: Access,
    name: str,
    scopes: Iterable[Scope],
    networks: Iterable[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the account, and the key itself, which is kept nowhere and can be shown only now.

    `networks` are as `network` makes them.
    """
    raw = MARK + "".join(secrets.choice(LETTERS) for _letter in range(LENGTH))
    key = ApiKey.objects.create(
        account=access.account,
        name=name,
        prefix=raw[:SHOWN],
        digest=_digest(raw),
        scopes=[str(Scope(scope)) for scope in scopes],
        networks=list(networks),
        expires_at=expires_at,
        created_by=access.membership.user,
    )
    told = {"prefix": key.prefix, "scopes": key.scopes, "networks": key.networks}
    until = {"expires_at": expires_at.isoformat(timespec="minutes")} if expires_at else {}
    audit.note(access.account, access.membership.user, "key.created", name, told | until)
    return key, raw


@transaction.atomic
def revoke(access: Access, key_id: int, now: datetime) -> ApiKey | None:
    """End a key for good, from the next request on; None where the account has no such key, or it had ended."""
    changed = ApiKey.objects.of(access).filter(pk=key_id, revoked_at=None).update(revoked_at=now)
    if not changed:
        return None
    key = ApiKey.objects.get(pk=key_id)
    audit.note(access.account, access.membership.user, "key.revoked", key.name, {"prefix": key.prefix})
    return key


def unlock(raw: str, scope: Scope, ip: str, now: datetime) -> KeyAccess:
    """Let a program in that shows this key and wants to do this, from this address ("" where there is none).

    One query, and at most once a minute a second one that notes that the key was used. An account that is disabled
    opens as well: what it hands in is held. Raises Locked.
    """
    key = _find(raw)
    _check_alive(key, now)
    if not key.may(scope):
        sentence = _("This API key is not good for this: it lacks the scope “%(scope)s”. Use or make one that has it.")
        raise Locked(sentence % {"scope": scope.label}, 403)
    if key.networks and not _inside(ip, key.networks):
        raise Locked(
            _("This API key may not be used from %(ip)s. Use it from one of its networks, or make a key for this one.")
            % {"ip": ip or "?"},
            403,
        )
    _note_use(key, now)
    return KeyAccess(key.account, key)


def network(text: str) -> str:
    """A network or a single address, IPv4 or IPv6, as it is kept. Raises ValueError."""
    found = ipaddress.ip_network(text.strip(), strict=False)
    if isinstance(found, ipaddress.IPv6Network) and (mapped := found.network_address.ipv4_mapped) is not None:
        if found.prefixlen < 96:
            raise ValueError(text)
        found = ipaddress.ip_network((mapped, found.prefixlen - 96), strict=False)
    return str(found)


def _find(raw: str) -> ApiKey:
    if not raw:
        raise Locked(_("An API key is needed. Make one in Settings, API keys, and send it along."), 401)
    found = None
    if raw.startswith(MARK) and len(raw) <= LONGEST:
        found = ApiKey.objects.select_related("account").filter(digest=_digest(raw)).first()
    if found is None:
        raise Locked(_("This API key is not known here. Check that it was copied whole, or make a new one."), 401)
    return found


def _check_alive(key: ApiKey, now: datetime) -> None:
    if key.revoked_at is not None:
        raise Locked(_("This API key was revoked. Use another one, or make one in Settings, API keys."), 401)
    if key.expires_at is not None and key.expires_at <= now:
        raise Locked(_("This API key has expired. Make a new one in Settings, API keys."), 401)


def _inside(ip: str, networks: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(one) for one in networks)


def _note_use(key: ApiKey, now: datetime) -> None:
    """The condition is in the statement as well: of many requests at once, one writes."""
    before = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at <= before:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=before)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _digest(raw: str) -> str:
    return sha256(raw.encode(errors="replace")).hexdigest()

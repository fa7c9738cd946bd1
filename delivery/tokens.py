"""Which email a returned mail is about, written into the address it comes back to (VERP), and nobody can invent one.

A token is the lower-case base32 of a version, the email's id and eight bytes of a keyed digest: 28 letters, which
survive whatever mail servers do to the case of addresses. The same token is the envelope id of RFC 3461.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from functools import cache, lru_cache
from hashlib import blake2b

from django.conf import settings

VERSION = 1
# What the local part of a return path begins with; the rest is the token.
PREFIX = "b+"
# A forwarder may have wrapped the address in its own (SRS0=...=b+token@...), or tagged it (prvs=...=b+token@...).
FOUND = re.compile(r"(?:^|[=+<:\s])b[+=]([a-z2-7]{28})(?=$|[=@>\s])", re.IGNORECASE)
BARE = re.compile(r"[a-z2-7]{28}", re.IGNORECASE)
SENDER_ID = "livefeeds"


@cache
def _derived(secret: str) -> bytes:
    return blake2b(secret.encode(), digest_size=32, person=b"lf.return-path").digest()


def _keys() -> list[bytes]:
    return [_derived(str(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _digest(key: bytes, content: bytes) -> bytes:
    return blake2b(content, digest_size=8, key=key).digest()


def token(email_id: int) -> str:
    """The token of an email: 28 letters and digits, all of them lower case. Also its envelope id (ENVID)."""
    return _signed(email_id, _derived(str(settings.SECRET_KEY)))


@lru_cache(maxsize=1024)
def _signed(email_id: int, key: bytes) -> str:
    content = bytes([VERSION]) + email_id.to_bytes(8)
    return base64.b32encode(content + _digest(key, content)).decode().rstrip("=").lower()


def return_path(email_id: int, domain: str) -> str:
    """Where mail about this email comes back to, at the return-path domain `domain`."""
    return f"{PREFIX}{token(email_id)}@{domain}"


def read(text: str) -> int | None:
    """The email an address or an envelope id names; None for whatever was not made here. Never raises.

    Signed with SECRET_KEY or one of SECRET_KEY_FALLBACKS.
    """
    text = text.strip()
    if len(text) > 1000:
        return None
    candidates = [text] if BARE.fullmatch(text) else FOUND.findall(text)
    return next((found for found in map(_verified, candidates) if found is not None), None)


def _verified(letters: str) -> int | None:
    try:
        raw = base64.b32decode(letters.upper() + "====")
    except (binascii.Error, ValueError):
        return None
    content, digest = raw[:9], raw[9:]
    # Letters beyond the last byte carry bits that mean nothing: only one way to write a token is ours.
    if content[0] != VERSION or base64.b32encode(raw).decode().rstrip("=").lower() != letters.lower():
        return None
    if not any(hmac.compare_digest(_digest(key, content), digest) for key in _keys()):
        return None
    return int.from_bytes(content[1:])


def feedback_id(account_id: int, origin: str, domain: str) -> str:
    """The value of Feedback-ID, by which Gmail groups complaints: how it was handed in, whose it is, who sends."""
    return f"{origin}:{account_id}:{domain}:{SENDER_ID}"

"""Secrets of others, kept encrypted: a stolen database dump alone does not give them away."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    def derive(key: str) -> Fernet:
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"livefeeds.vault")
        return Fernet(base64.urlsafe_b64encode(hkdf.derive(key.encode())))

    return MultiFernet([derive(key) for key in keys])


def _keys() -> tuple[str, ...]:
    return (settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS))


def seal(value: Any) -> str:
    """Encrypt any JSON value with a key derived from SECRET_KEY."""
    return _fernet(_keys()).encrypt(json.dumps(value).encode()).decode()


def unseal(sealed: str) -> Any:
    """Read back what `seal` made, with SECRET_KEY or one of SECRET_KEY_FALLBACKS.

    Raises ImproperlyConfigured where none of them fits.
    """
    try:
        return json.loads(_fernet(_keys()).decrypt(sealed.encode()))
    except InvalidToken:
        raise ImproperlyConfigured(
            "A stored secret was encrypted with another SECRET_KEY. Put the old key into SECRET_KEY_FALLBACKS."
        ) from None


def is_readable(sealed: str) -> bool:
    """Whether `unseal` could read it."""
    try:
        unseal(sealed)
    except ImproperlyConfigured:
        return False
    return True


class SealedJSONField(models.TextField):  # type: ignore[type-arg]
    """A JSON value, encrypted in the database and plain in Python."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, expression: object, connection: object) -> Any:
        return None if value is None else unseal(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else seal(value)

    def to_python(self, value: Any) -> Any:
        return value

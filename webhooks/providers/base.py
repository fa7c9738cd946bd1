"""What a provider module states: its name, its set-up, how its requests prove themselves and are read."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webhooks.requests import RawRequest, Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from django.utils.functional import _StrPromise

    from feeds.events import Event

type Secrets = Mapping[str, str]
type Verify = Callable[[RawRequest, Secrets, datetime], None]
type Parse = Callable[[RawRequest], Sequence[Event]]


@dataclass(frozen=True, slots=True)
class SecretField:
    """One secret a source of this provider may hold, as the form asks for it.

    A field may hold several values, one per line, any of which is accepted: so a secret is changed without
    a gap.
    """

    name: str
    label: _StrPromise
    help: _StrPromise
    required: bool = False


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `verify` raises Refused or TryLater; `parse` is a pure function and raises Unreadable.

    `steps` say, in the provider's own words for its pages and buttons, how to connect it, with `{address}`
    where the source's address goes. `headers` are the request headers (lower case) that `verify` and
    `parse` read; they are kept with the stored request, but for `authorization`, which every provider may
    need in `verify` and which nobody should store. `sample` makes the body of a realistic test event for a
    recipient at a moment. `nonce` names what must not come twice with another body ("" for nothing).
    `discards_on_5xx` is set where a 5xx makes the provider give the event up at once, so it gets 429
    instead. `settle` does over the network what a request asks for beside its events: whoever reads the
    stored request calls it, and its Refused, TryLater or OSError means that the request is to be read
    again.
    """

    slug: str
    name: str
    steps: tuple[_StrPromise, ...]
    parse: Parse
    verify: Verify
    sample: Callable[[str, datetime], RawRequest]
    secrets: tuple[SecretField, ...] = ()
    headers: tuple[str, ...] = ()
    nonce: Callable[[RawRequest], str] | None = None
    discards_on_5xx: bool = False
    settle: Callable[[RawRequest], None] | None = None


BASIC_AUTH = SecretField(
    "basic_auth",
    gettext_lazy("User name and password"),
    gettext_lazy("Written as name:password. Put the same two into the address you give the provider."),
)


def values(secrets: Secrets, name: str) -> list[str]:
    """The values a secret field holds, one per line."""
    return [line.strip() for line in secrets.get(name, "").splitlines() if line.strip()]


def needed(secrets: Secrets, name: str) -> list[str]:
    """The values of a secret without which nothing can be proven. Raises Refused when there is none."""
    found = values(secrets, name)
    if not found:
        raise Refused(_("This source has no signing secret yet. Copy it from the provider into the source."))
    return found


def wrong_signature() -> Refused:
    """The refusal of a request whose signature does not fit."""
    return Refused(_("The signature does not fit the secret of this source. Copy the secret from the provider again."))


def matches(given: str, wanted: list[str]) -> bool:
    """Whether the text is one of those wanted, in a time that does not tell how much of it was right."""
    return any(constant_time_compare(given, one) for one in wanted)


def verify_basic_auth(request: RawRequest, secrets: Secrets, now: datetime) -> None:
    """Refuse a request without the name and password this source asks for (RFC 7617), if it asks for any."""
    wanted = values(secrets, "basic_auth")
    if wanted and not matches(request.basic_auth(), wanted):
        raise Refused(_("The user name or password in the request is not the one set for this source."))


def verify_hmac_sha256(signature: str, message: bytes, keys: list[str]) -> None:
    """Refuse unless the signature is the hexadecimal HMAC-SHA256 of the message with one of the keys."""
    if not matches(signature, [hmac.new(key.encode(), message, hashlib.sha256).hexdigest() for key in keys]):
        raise wrong_signature()


@lru_cache(maxsize=256)
def public_keys(text: str) -> tuple[PublicKeyTypes, ...]:
    """The public keys in a secret: PEM blocks, or one a line in bare base64. Raises Refused otherwise."""
    blocks = text.split("-----BEGIN PUBLIC KEY-----")[1:]
    bodies = [block.partition("-----END")[0] for block in blocks] if blocks else text.splitlines()
    bare = ["".join(body.split()) for body in bodies]
    pems = [f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----" for body in bare if body]
    try:
        keys = tuple(load_pem_public_key(pem.encode()) for pem in pems)
    except Exception:  # noqa: BLE001 - cryptography has many errors for one mistake: this is not a public key
        keys = ()
    if not keys:
        raise Refused(_("The public key of this source cannot be read. Copy it from the provider again."))
    return keys


def decoded(signature: str) -> bytes:
    """A base64 signature as bytes; one that is not base64 becomes empty, which fits nothing."""
    try:
        return base64.b64decode(signature, validate=True)
    except ValueError:
        return b""

"""DKIM signatures (RFC 6376): relaxed/relaxed, rsa-sha256, with keys that are made here.

Written here because it is most of what an email costs: what a library does for any header and every canonicalization
takes three times as long. tests/delivery/test_signing.py has dkimpy verify what comes of it.
"""

from __future__ import annotations

import base64
import re
import time
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from delivery.models import SenderDomain

KEY_BITS = 2048
# What a signature covers where it is there. From is named once more than it occurs: nobody can add a second one.
SIGNED = (
    b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-unsubscribe", b"list-unsubscribe-post", b"list-id", b"feedback-id",
    b"in-reply-to", b"references",
)  # fmt: skip
SEVERAL = re.compile(rb"[\t ]{2,}|\t")
FIELD = re.compile(rb"([!-9;-~]+):([^\r]*(?:\r\n[ \t][^\r]*)*)\r\n")
# So many names, and so many letters of the signature, are on one line.
NAMES, LETTERS = 5, 72
SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; q=dns/txt;\r\n d=%s; i=@%s; s=%s;\r\n t=%d; h=%s;\r\n"
    b" bh=%s;\r\n b="
)
_PKCS1, _SHA256 = PKCS1v15(), Prehashed(SHA256())


@lru_cache(maxsize=1024)
def _private_key(pem: bytes) -> RSAPrivateKey:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("Only RSA keys sign here.")
    return key


class KeyPair(NamedTuple):
    """A new key: the private half as PEM, the public one in base64 as it stands in DNS."""

    private: str
    public: str


def make_key() -> KeyPair:
    """A new key for a domain."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode(), base64.b64encode(public).decode())


def sign(raw: bytes, domain: SenderDomain) -> bytes:
    """The message with the signature of its sender's domain in front. Its lines end with CRLF."""
    head, _empty_line, body = raw.partition(b"\r\n\r\n")
    fields: dict[bytes, list[bytes]] = {}
    for name, value in FIELD.findall(head + b"\r\n"):
        fields.setdefault(name.lower(), []).append(value)
    # Of a field that is there several times the last one is meant, and the one before it where it is named again.
    signed = [(name, fields[name][-1]) for name in SIGNED if name in fields]
    names = _names(tuple(name for name, _value in signed))
    signed += [(b"from", value) for value in fields.get(b"from", [])[-2:-1]]
    place, selector = domain.name.encode(), domain.selector.encode()
    digest = base64.b64encode(sha256(relaxed_body(body)).digest())
    unsigned = SIGNATURE % (place, place, selector, int(time.time()), names, digest)
    covered = [b"%s:%s\r\n" % (name, relaxed(value)) for name, value in signed]
    covered.append(b"dkim-signature:" + relaxed(unsigned.partition(b":")[2]))
    key = _private_key(domain.private_key.encode())
    letters = base64.b64encode(key.sign(sha256(b"".join(covered)).digest(), _PKCS1, _SHA256))
    lines = [letters[at : at + LETTERS] for at in range(0, len(letters), LETTERS)]
    return b"%s%s\r\n%s" % (unsigned, b"\r\n ".join(lines), raw)


@lru_cache(maxsize=256)
def _names(names: tuple[bytes, ...]) -> bytes:
    """The names of the fields that are signed, as the signature tells them."""
    told = (*names, b"from")
    return b":\r\n ".join(b":".join(told[at : at + NAMES]) for at in range(0, len(told), NAMES))


def relaxed(value: bytes) -> bytes:
    """The value of a field as it is signed (3.4.2): on one line, with single blanks and none around it."""
    value = value.replace(b"\r\n", b"")
    return (SEVERAL.sub(b" ", value) if b"  " in value or b"\t" in value else value).strip()


def relaxed_body(body: bytes) -> bytes:
    """A body as it is signed (3.4.4): with single blanks, none at the end of a line, and no empty lines at its end."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b"  " in body or b"\t" in body:
        body = SEVERAL.sub(b" ", body)
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[: end + 2] if end else b""

"""Amazon SNS: is a message really from it, and say yes to a subscription.

After https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html: the certificate that signed a
message is named by the message itself, so everything hangs on accepting no other place for it than Amazon's own.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import Certificate, load_pem_x509_certificate
from django.core.cache import cache
from django.utils.translation import gettext as _
from redis import RedisError

from webhooks.providers import base
from webhooks.providers.fields import Record, record, text
from webhooks.requests import RawRequest, Refused, TryLater

if TYPE_CHECKING:
    from urllib.parse import SplitResult

HOST = re.compile(r"sns\.[a-z0-9-]{3,40}\.amazonaws\.com(?:\.cn)?")
CERTIFICATE_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.pem")
HASHES: dict[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}
# What is signed, in this order, each as its name and its value on lines of their own. Subject only where there is one.
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
TIMEOUT_SECONDS = 5
LARGEST_ANSWER = 64 * 1024
# Amazon renews its certificates about once a year, under a new address.
CACHED_SECONDS = 7 * 24 * 3600
MOST_KEPT = 100


def verify(message: Record, now: datetime) -> None:
    """Refuse a message that Amazon SNS did not sign. TryLater where its certificate cannot be had at the moment."""
    fields = SIGNED.get(text(message.get("Type")))
    algorithm = HASHES.get(text(message.get("SignatureVersion")))
    if fields is None or algorithm is None:
        raise Refused(_("The request is not a signed Amazon SNS message. Leave raw message delivery switched off."))
    signature = base.decoded(text(message.get("Signature")))
    if not signature:
        # Said before anything is fetched on behalf of whoever sent this.
        raise wrong_signature()
    key = certificate(text(message.get("SigningCertURL")), now).public_key()
    try:
        if not isinstance(key, RSAPublicKey):
            raise InvalidSignature
        key.verify(signature, signed_text(message, fields), PKCS1v15(), algorithm())
    except InvalidSignature:
        raise wrong_signature() from None


def wrong_signature() -> Refused:
    """The refusal of a message that somebody else signed, or nobody."""
    return Refused(_("The signature of the request is not Amazon's."))


def signed_text(message: Record, fields: tuple[str, ...]) -> bytes:
    """What Amazon signs of a message."""
    lines = [f"{name}\n{text(message[name])}\n" for name in fields if message.get(name) is not None]
    return "".join(lines).encode()


def confirm(request: RawRequest) -> None:
    """Say yes to a subscription, where the request asks for it. Raises Refused, and TryLater while Amazon is away."""
    message = record(request.json())
    if message.get("Type") != "SubscriptionConfirmation":
        return
    url = text(message.get("SubscribeURL"))
    if not on_amazon(url):
        raise Refused(_("The subscription asks to be confirmed at an address that is not Amazon SNS's."))
    fetch(url)


def on_amazon(url: str) -> SplitResult | None:
    """The parts of an https address on a host of Amazon SNS; None for any other address."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and parts.netloc == parts.hostname
    except ValueError:
        return None
    return parts if plain and HOST.fullmatch(parts.netloc) else None


def certificate(url: str, now: datetime) -> Certificate:
    """The signing certificate at an address, which must be Amazon's. It is fetched once and then remembered."""
    parts = on_amazon(url)
    if parts is None or parts.query or not CERTIFICATE_PATH.fullmatch(parts.path):
        raise Refused(_("The request names a certificate that is not kept by Amazon SNS."))
    found = loaded(_kept.get(url) or _from_cache(url) or _from_amazon(url))
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        raise Refused(_("The request is signed with a certificate that is not valid today."))
    return found


# Certificates this process has seen, by address: as many as Amazon has regions.
_kept: dict[str, bytes] = {}


def _keep(url: str, pem: bytes) -> bytes:
    if len(_kept) < MOST_KEPT:
        _kept[url] = pem
    return pem


def _from_cache(url: str) -> bytes | None:
    try:
        pem: bytes | None = cache.get(cache_key(url))
    except (RedisError, OSError):
        return None
    return _keep(url, pem) if pem else None


def _from_amazon(url: str) -> bytes:
    pem = fetch(url)
    loaded(pem)
    with suppress(RedisError, OSError):
        cache.set(cache_key(url), pem, CACHED_SECONDS)
    return _keep(url, pem)


def cache_key(url: str) -> str:
    """Where the cache keeps the certificate of an address, as PEM bytes."""
    return f"sns-certificate:{url}"


@lru_cache(maxsize=32)
def loaded(pem: bytes) -> Certificate:
    """A certificate from PEM. TryLater for anything else: Amazon's address answered with something odd."""
    try:
        return load_pem_x509_certificate(pem)
    except ValueError:
        raise TryLater(_("Amazon answered with something that is not a certificate.")) from None


def fetch(url: str) -> bytes:
    """The answer of a host of Amazon SNS: no redirects, no private address, 64 KB at most. Raises TryLater."""
    parts = urlsplit(url)
    connection = PublicConnection(parts.netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        response = connection.getresponse()
        content = response.read(LARGEST_ANSWER + 1)
    except (OSError, http.client.HTTPException) as error:
        raise TryLater(_("Amazon SNS cannot be reached: {error}").format(error=error)) from error
    finally:
        connection.close()
    if response.status != 200 or len(content) > LARGEST_ANSWER:
        raise TryLater(_("Amazon SNS answered with status {status}.").format(status=response.status))
    return content


class PublicConnection(http.client.HTTPSConnection):
    """An HTTPS connection that goes to public addresses only, whatever the name resolves to."""

    def connect(self) -> None:
        """Resolve once, and connect to what was checked."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(is_public(address) for address in addresses):
            raise OSError(f"{self.host} has an address that is not public")
        plain = socket.create_connection((addresses[0], self.port), self.timeout)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet. One that carries an IPv4 address inside is not trusted."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _NAT64):
        return False
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")

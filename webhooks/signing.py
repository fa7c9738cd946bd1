"""The providers' side of the proof: sign a request as they do. For the simulator and for tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as randomness
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from standardwebhooks import Webhook

type Signed = tuple[bytes, dict[str, str]]
type Signer = Callable[[bytes, Mapping[str, str], datetime, str], Signed]


def new_secrets(slug: str) -> tuple[dict[str, str], dict[str, str]]:
    """Fresh secrets for a provider: what the source is given, and what the sender keeps to `sign` with.

    They are the same but where the source holds a public key: there the sender keeps `private_key`.
    """
    if slug in ("sendgrid", "postal"):
        return _new_key_pair(slug)
    if slug in ("resend", "plain"):
        shared = {"signing_secret": "whsec_" + base64.b64encode(randomness.token_bytes(24)).decode()}
    elif slug in ("mailersend", "mailgun", "mailtrap", "mandrill"):
        shared = {"signing_secret": randomness.token_hex(16)}
    elif slug == "unisender_go":
        shared = {"api_key": randomness.token_hex(16)}
    elif slug == "brevo":
        shared = {"token": randomness.token_hex(16)}
    else:
        shared = {"basic_auth": f"livefeeds:{randomness.token_hex(16)}"}
    return shared, dict(shared)


def sign(slug: str, body: bytes, content_type: str, secrets: Mapping[str, str], now: datetime, url: str = "") -> Signed:
    """The body to send and the headers that prove it, as this provider would send them at this moment.

    `secrets` is the sender's half of `new_secrets`; `url` is the full address of the source, which only
    Mandrill signs. Mailgun and Unisender Go carry their proof inside the body: send the body that comes back.
    """
    signer = SIGNERS.get(slug)
    body, headers = signer(body, secrets, now, url) if signer else (body, {})
    if secrets.get("basic_auth"):
        pair = secrets["basic_auth"].splitlines()[0]
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return body, {"Content-Type": content_type, **headers}


def _new_key_pair(slug: str) -> tuple[dict[str, str], dict[str, str]]:
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if slug == "sendgrid"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    # Both providers show their key as one line of base64 (DER), without the PEM lines around it.
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"public_key": base64.b64encode(public).decode()}, {"private_key": private.decode()}


def _sendgrid(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
    key = cast("ec.EllipticCurvePrivateKey", load_pem_private_key(secrets["private_key"].encode(), None))
    timestamp = str(int(now.timestamp()))
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return body, {
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
    }


def _postal(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
    key = cast("rsa.RSAPrivateKey", load_pem_private_key(secrets["private_key"].encode(), None))
    sha1 = key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - what Postal sends
    sha256 = key.sign(body, padding.PKCS1v15(), hashes.SHA256())
    return body, {
        "X-Postal-Signature": base64.b64encode(sha1).decode(),
        "X-Postal-Signature-256": base64.b64encode(sha256).decode(),
    }


def _mailgun(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
    timestamp, token = str(int(now.timestamp())), randomness.token_hex(25)
    proof = hmac.new(secrets["signing_secret"].encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    data = json.loads(body) | {"signature": {"timestamp": timestamp, "token": token, "signature": proof}}
    return json.dumps(data).encode(), {}


def _unisender_go(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
    key = secrets["api_key"]
    unsigned = json.dumps(json.loads(body) | {"auth": key})
    digest = hashlib.md5(unsigned.encode(), usedforsecurity=False).hexdigest()
    return unsigned.replace(key, digest).encode(), {}


def _mandrill(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
    fields = sorted(parse_qsl(body.decode(), keep_blank_values=True))
    message = url + "".join(name + value for name, value in fields)
    proof = hmac.new(secrets["signing_secret"].encode(), message.encode(), hashlib.sha1).digest()
    return body, {"X-Mandrill-Signature": base64.b64encode(proof).decode()}


def _hmac_header(name: str) -> Signer:
    def signer(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
        key = secrets.get("signing_secret", "")
        return body, {name: hmac.new(key.encode(), body, hashlib.sha256).hexdigest()} if key else {}

    return signer


def _standard(prefix: str) -> Signer:
    def signer(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
        message_id = "msg_" + randomness.token_hex(12)
        signature = Webhook(secrets["signing_secret"]).sign(message_id, now, body.decode())
        stamp = str(int(now.timestamp()))
        return body, {
            f"{prefix}-id": message_id,
            f"{prefix}-timestamp": stamp,
            f"{prefix}-signature": signature,
        }

    return signer


def _brevo(body: bytes, secrets: Mapping[str, str], now: datetime, url: str) -> Signed:
    return body, {"Authorization": f"Bearer {secrets['token'].splitlines()[0]}"} if secrets.get("token") else {}


SIGNERS: dict[str, Signer] = {
    "brevo": _brevo,
    "mailersend": _hmac_header("Signature"),
    "mailgun": _mailgun,
    "mailtrap": _hmac_header("Mailtrap-Signature"),
    "mandrill": _mandrill,
    "plain": _standard("webhook"),
    "postal": _postal,
    "resend": _standard("svix"),
    "sendgrid": _sendgrid,
    "unisender_go": _unisender_go,
}

from __future__ import annotations

import base64
import http.client
import itertools
import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.cache import cache as shared_cache

from tests.webhooks.providers.cases import RECEIVED as NOW
from webhooks import sns
from webhooks.providers import PROVIDERS
from webhooks.requests import RawRequest, Refused, TryLater

SES = PROVIDERS["amazon_ses"]
TOPIC = "arn:aws:sns:eu-west-1:123456789012:feeds"
NOTIFICATION = {"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Subject": "An event",
                "Timestamp": "2026-11-23T12:00:00.000Z", "Message": '{"eventType": "Send"}'}  # fmt: skip
SUBSCRIPTION = {"Type": "SubscriptionConfirmation", "MessageId": "m-2", "TopicArn": TOPIC, "Token": "t",
                "Timestamp": "2026-11-23T12:00:00.000Z", "Message": "You may subscribe.",
                "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"}  # fmt: skip
_numbers = itertools.count(1)


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(days: int = 365, *, elliptic: bool = False) -> bytes:
    own = ec.generate_private_key(ec.SECP256R1()) if elliptic else key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=400)).not_valid_after(NOW + timedelta(days=days))
    return builder.sign(own, SHA256()).public_bytes(Encoding.PEM)


def kept_at(pem: bytes | None = None) -> str:
    """An address of Amazon's at which the certificate is already known, another one each time."""
    url = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{next(_numbers):032x}.pem"
    shared_cache.set(sns.cache_key(url), pem or certificate())
    return url


def text_signed(message: dict[str, Any]) -> str:
    """As Amazon's documentation puts it: names in alphabetical order, each with its value on the next line."""
    unsigned = ("Signature", "SignatureVersion", "SigningCertURL", "UnsubscribeURL")
    names = [name for name in sorted(message) if name not in unsigned]
    return "".join(f"{name}\n{message[name]}\n" for name in names)


def signed(message: dict[str, Any], version: str = "2", url: str = "") -> RawRequest:
    signature = key().sign(text_signed(message).encode(), PKCS1v15(), SHA1() if version == "1" else SHA256())
    proof = {"Signature": base64.b64encode(signature).decode(), "SignatureVersion": version}
    return raw({**message, **proof, "SigningCertURL": url or kept_at()})


def raw(data: dict[str, Any]) -> RawRequest:
    return RawRequest(json.dumps(data).encode(), NOW, "text/plain; charset=UTF-8")


def changed(request: RawRequest, **fields: Any) -> RawRequest:
    return raw({**json.loads(request.body), **fields})


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("message", [NOTIFICATION, SUBSCRIPTION, {**SUBSCRIPTION, "Type": "UnsubscribeConfirmation"}])
def test_what_amazon_signed_is_taken(message: dict[str, Any], version: str) -> None:
    SES.verify(signed(message, version), {}, NOW)


def test_a_message_without_a_subject_is_signed_without_it() -> None:
    SES.verify(signed({name: value for name, value in NOTIFICATION.items() if name != "Subject"}), {}, NOW)


@pytest.mark.parametrize("field", [*NOTIFICATION, "SignatureVersion"])
def test_a_message_altered_on_the_way_is_refused(field: str) -> None:
    request = signed(NOTIFICATION)
    for other in ("1", "SubscriptionConfirmation", "x"):
        with pytest.raises(Refused):
            SES.verify(changed(request, **{field: other}), {}, NOW)


@pytest.mark.parametrize("signature", ["", "x", "AAAA", None, 7, []])
def test_a_rubbish_signature_is_refused(signature: Any) -> None:
    with pytest.raises(Refused):
        SES.verify(changed(signed(NOTIFICATION), Signature=signature), {}, NOW)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-1.pem",
        "https://example.com/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@example.com/SimpleNotificationService-1.pem",
        "https://me@sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://my-sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/bucket/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=x&file=.pem",
        "https://sns.evil.com\\.amazonaws.com/x.pem",
        "https://[/x.pem",
        "//sns.eu-west-1.amazonaws.com/x.pem",
        "",
    ],
)
def test_a_certificate_kept_anywhere_else_is_refused_unseen(url: str) -> None:
    shared_cache.set(sns.cache_key(url), certificate())
    with pytest.raises(Refused, match="certificate"):
        SES.verify(changed(signed(NOTIFICATION), SigningCertURL=url), {}, NOW)


def test_china_has_its_own_ending() -> None:
    assert sns.on_amazon("https://sns.cn-north-1.amazonaws.com.cn/x.pem")


def test_a_certificate_that_is_over_is_refused() -> None:
    with pytest.raises(Refused, match="not valid today"):
        SES.verify(signed(NOTIFICATION, url=kept_at(certificate(days=-1))), {}, NOW)


def test_a_certificate_of_another_kind_is_refused() -> None:
    with pytest.raises(Refused):
        SES.verify(signed(NOTIFICATION, url=kept_at(certificate(elliptic=True))), {}, NOW)


def test_another_topic_than_the_one_set_is_refused() -> None:
    request = signed(NOTIFICATION)
    SES.verify(request, {"topic_arn": f"arn:other\n{TOPIC}"}, NOW)
    with pytest.raises(Refused, match="topic"):
        SES.verify(request, {"topic_arn": "arn:other"}, NOW)


def test_a_name_and_password_may_be_asked_for() -> None:
    with pytest.raises(Refused, match="user name or password"):
        SES.verify(signed(NOTIFICATION), {"basic_auth": "a:b"}, NOW)


@pytest.mark.parametrize("body", [b"rubbish", b"[]", b"{}", b'{"eventType": "Send", "mail": {}}'])
def test_what_is_no_signed_message_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        SES.verify(RawRequest(body, NOW), {}, NOW)


def test_amazon_out_of_reach_means_try_later(unreachable: list[str]) -> None:
    unknown = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-unknown.pem"
    with pytest.raises(TryLater, match="cannot be reached"):
        SES.verify(changed(signed(NOTIFICATION), SigningCertURL=unknown), {}, NOW)
    assert unreachable == ["sns.eu-west-1.amazonaws.com"]


def test_a_subscription_is_confirmed_at_amazons_address_only(unreachable: list[str]) -> None:
    assert SES.settle is not None
    with pytest.raises(Refused, match="not Amazon SNS's"):
        SES.settle(raw({**SUBSCRIPTION, "SubscribeURL": "https://example.com/?Action=ConfirmSubscription"}))
    with pytest.raises(TryLater):
        SES.settle(raw(SUBSCRIPTION))
    assert unreachable == ["sns.eu-west-1.amazonaws.com"]
    SES.settle(raw(NOTIFICATION))
    SES.settle(raw({**SUBSCRIPTION, "Type": "UnsubscribeConfirmation"}))
    assert unreachable == ["sns.eu-west-1.amazonaws.com"]


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A network without names: who is asked for is noted, and nobody is found."""
    asked: list[str] = []

    def resolve(host: str, *_args: Any, **_named: Any) -> list[Any]:
        asked.append(host)
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "fc00::1", "0.0.0.0",
                "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "100.64.0.1"]
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_followed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", (address, 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_args, **_named: found)
    with pytest.raises(TryLater, match="not public"):
        sns.fetch("https://sns.eu-west-1.amazonaws.com/x.pem")


@pytest.mark.parametrize(("status", "size"), [(302, 10), (404, 10), (500, 10), (200, 70_000)])
def test_an_odd_answer_of_amazon_means_try_later(status: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        def __init__(self) -> None:
            self.status = status

        def read(self, most: int) -> bytes:
            return b"x" * min(size, most)

    monkeypatch.setattr(http.client.HTTPSConnection, "request", lambda *_args: None)
    monkeypatch.setattr(http.client.HTTPSConnection, "getresponse", lambda _self: Answer())
    with pytest.raises(TryLater, match="answered with"):
        sns.fetch("https://sns.eu-west-1.amazonaws.com/x.pem")


def test_a_certificate_is_fetched_once_and_then_known(fetched: list[str]) -> None:
    url = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{next(_numbers)}-fetched.pem"
    for _time in range(3):
        SES.verify(changed(signed(NOTIFICATION), SigningCertURL=url), {}, NOW)
    assert fetched == [url.removeprefix("https://sns.eu-west-1.amazonaws.com")]
    assert shared_cache.get(sns.cache_key(url))


def test_a_certificate_is_fetched_where_the_cache_is_away(fetched: list[str], settings: Any) -> None:
    url = f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{next(_numbers)}-away.pem"
    request = changed(signed(NOTIFICATION), SigningCertURL=url)
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {"default": away}
    SES.verify(request, {}, NOW)
    SES.verify(request, {}, NOW)
    assert len(fetched) == 1


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Amazon as far as it is needed: every path answers with a certificate, and is noted."""
    asked: list[str] = []

    class Answer:
        status = 200

        def read(self, _most: int) -> bytes:
            return certificate()

    monkeypatch.setattr(http.client.HTTPSConnection, "request", lambda _self, _method, path: asked.append(path))
    monkeypatch.setattr(http.client.HTTPSConnection, "getresponse", lambda _self: Answer())
    return asked

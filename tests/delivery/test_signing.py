from __future__ import annotations

from typing import Any

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import compose, signing
from delivery.models import SenderDomain
from tests.delivery.test_compose import RAW, message, outgoing

KEY = signing.make_key()


def domain() -> SenderDomain:
    return SenderDomain(name="acme.test", selector="lf1", private_key=KEY.private, public_key=KEY.public)


def verified(signed: bytes, key: str = KEY.public) -> bool:
    """What dkimpy says, with its own arithmetic."""

    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        return f"v=DKIM1; k=rsa; p={key}".encode() if name == b"lf1._domainkey.acme.test." else None

    return bool(dkim.verify(signed, dnsfunc=txt))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=500))
def test_what_is_signed_can_be_verified(text: str) -> None:
    made = message(parts={"text": text, "html": text}, subject=text[:80])
    raw = compose.compose(made, outgoing(), None).as_bytes()
    signed = signing.sign(raw, domain())
    assert signed.endswith(raw)
    assert verified(signed)


def test_a_whole_message_is_signed_as_well() -> None:
    mail = compose.compose(message(parts=None, raw=RAW), outgoing(), None)
    assert verified(signing.sign(mail.as_bytes(), domain()))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"Hello", b"Hullo"), (b"Subject: Hello", b"Subject: Bye"), (b"From:", b"From: eve@evil.test\r\nFrom:")],
)
def test_what_was_changed_is_not(old: bytes, new: bytes) -> None:
    made = message(parts={"text": "Hello there"})
    signed = signing.sign(compose.compose(made, outgoing(), None).as_bytes(), domain())
    assert verified(signed)
    assert not verified(signed.replace(old, new, 1))
    assert not verified(signed, signing.make_key().public)


def test_the_signature_covers_what_others_rely_on() -> None:
    mail = compose.compose(message(), outgoing(), None)
    mail.headers |= {"List-Unsubscribe": "<https://acme.test/u>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    signature = signing.sign(mail.as_bytes(), domain()).partition(b"\r\nFrom:")[0]
    covered = signature.partition(b"h=")[2].partition(b";")[0].split(b":")
    names = [name.strip().decode() for name in covered]
    assert names.count("from") == 2
    assert {"to", "subject", "date", "message-id", "mime-version", "content-type", "feedback-id", "list-unsubscribe",
            "list-unsubscribe-post"} < set(names)  # fmt: skip
    assert b"c=relaxed/relaxed" in signature
    assert b"a=rsa-sha256" in signature


def test_a_key_is_read_once(monkeypatch: Any) -> None:
    signing._private_key.cache_clear()
    for _time in range(3):
        signing.sign(b"From: a@acme.test\r\n\r\nHi\r\n", domain())
    assert signing._private_key.cache_info().misses == 1

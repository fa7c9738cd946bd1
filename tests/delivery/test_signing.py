from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

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


@contextmanager
def dkimpys_own() -> Iterator[None]:
    """Its functions as they come, in the place of ours."""
    module = dkim.canonicalization
    with (
        patch.object(module, "compress_whitespace", lambda content: re.sub(b"[\t ]+", b" ", content)),
        patch.object(module, "strip_trailing_whitespace", lambda content: re.sub(b"[\t ]+\r\n", b"\r\n", content)),
    ):
        yield


def verified(signed: bytes, key: str = KEY.public) -> bool:
    """What dkimpy says, with its own arithmetic."""

    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        return f"v=DKIM1; k=rsa; p={key}".encode() if name == b"lf1._domainkey.acme.test." else None

    with dkimpys_own():
        return bool(dkim.verify(signed, dnsfunc=txt))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=500) | st.text("ab \t\r\n.", max_size=200))
def test_what_is_signed_can_be_verified(text: str) -> None:
    made = message(parts={"text": text, "html": text}, subject=text[:80])
    raw = compose.compose(made, outgoing(), None).as_bytes()
    signed = signing.sign(raw, domain())
    assert signed.endswith(raw)
    assert verified(signed)


@pytest.mark.parametrize("end", [b"", b"\n\n\n", b" \t\n  x \n\t\n"])
def test_a_whole_message_is_signed_as_well(end: bytes) -> None:
    mail = compose.compose(message(parts=None, raw=RAW + end), outgoing(), None)
    assert verified(signing.sign(mail.as_bytes(), domain()))


def test_a_message_without_a_body_is_signed_as_well() -> None:
    assert verified(signing.sign(b"From: a@acme.test\r\nSubject: x\r\n y\r\n\r\n", domain()))


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

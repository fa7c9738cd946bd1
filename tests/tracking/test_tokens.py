"""The signed addresses: what they hold comes back, and nothing else is believed."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tracking import tokens
from tracking.tokens import Named, Note, Purpose, Signer, Target

ACCOUNTS = st.integers(0, 2**31 - 1)
EMAILS = st.integers(0, 2**63 - 1)


def parts(address: str) -> tuple[Purpose, str, str]:
    """Purpose, token and target as a server takes them from the address."""
    purpose, token, carried = (urlsplit(address).path.removeprefix(tokens.PREFIX) + "/").split("/")[:3]
    return Purpose(purpose), token, carried


@given(ACCOUNTS, EMAILS, st.sampled_from(Note))
def test_what_a_token_says_comes_back(account_id: int, email_id: int, note: Note) -> None:
    signer = Signer(account_id, email_id, "https://links.example.com")
    assert tokens.read(*parts(signer.pixel())) == Named(account_id, email_id)
    assert tokens.read(*parts(signer.leave())) == Named(account_id, email_id)
    link = signer.link(Target.of("https://example.com/a?b=c#d"), note)
    assert tokens.read(*parts(link)) == Named(account_id, email_id, note, "https://example.com/a?b=c#d")
    assert tokens.read_mailbox(tokens.mailbox(account_id, email_id) + "@mail.example.com") == Named(
        account_id, email_id
    )


def test_they_are_short() -> None:
    assert len(Signer(1, 2**62).pixel()) == len("/t/o/") + 33
    assert len(tokens.mailbox(1, 2**62)) <= 64


@given(st.text())
@example("https://good.example\r\nSet-Cookie: a=b")
@example("https://good.example/\u2028\u0000é%0d%0a")
@example("https://[::1/")
@example(" \x00 HTTP://Example.com/ä b\n?q=\"'<>\\ ")
def test_a_target_is_a_web_address_that_fits_in_a_header(written: str) -> None:
    for text in (written, "https://" + written, "http://example.com/" + written):
        target = tokens.target_of(text)
        if target is None:
            continue
        assert target.isascii()
        assert target.isprintable()
        assert " " not in target
        assert target.lower().startswith(("http://", "https://"))
        # What was made of it stays as it is.
        assert tokens.target_of(target) == target
        named = tokens.read(*parts(Signer(1, 2).link(Target.of(target))))
        assert named is not None
        assert named.target == target


@pytest.mark.parametrize(
    "written",
    ["mailto:bob@example.com", "tel:+49", "#top", "cid:1", "javascript:alert(1)", "//example.com/", "/a", "", "https://",
     "https:///evil.example", "ftp://example.com/", "data:text/html,x", "\x01javascript:alert(1)", "java\nscript:x",
     "https://" + "a" * 5000],
)  # fmt: skip
def test_everything_else_is_no_target(written: str) -> None:
    assert tokens.target_of(written) is None


@given(st.sampled_from(Purpose), st.text(max_size=40), st.text(max_size=40))
def test_nothing_that_was_not_made_here_is_believed(purpose: Purpose, token: str, carried: str) -> None:
    assert tokens.read(purpose, token, carried) is None
    assert tokens.read(purpose, "1" + token, carried) is None
    assert tokens.read_mailbox(token) is None
    assert tokens.read_mailbox("u+1" + token) is None


@given(st.binary(min_size=24, max_size=24), st.binary(max_size=60))
def test_nor_is_what_only_looks_like_it(raw: bytes, target: bytes) -> None:
    token, carried = base64.urlsafe_b64encode(raw).decode(), base64.urlsafe_b64encode(target).decode().rstrip("=")
    assert all(tokens.read(purpose, "1" + token, carried) is None for purpose in Purpose)


@given(st.integers(1, 32), st.integers(0, 63), st.text(min_size=1, max_size=30))
def test_a_changed_token_or_target_is_not_believed(place: int, letter: int, other: str) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    purpose, token, carried = parts(Signer(7, 8).link(Target.of("https://example.com/")))
    changed = token[:place] + alphabet[letter] + token[place + 1 :]
    assume(changed != token)
    assert tokens.read(purpose, changed, carried) is None
    elsewhere = Target.of("https://example.com/" + base64.urlsafe_b64encode(other.encode("utf-8", "replace")).decode())
    assert tokens.read(purpose, token, elsewhere.carried) is None


def test_a_token_is_good_for_its_purpose_alone() -> None:
    signer = Signer(7, 8)
    for made in (signer.pixel(), signer.leave(), signer.link(Target.of("https://example.com/"))):
        purpose, token, carried = parts(made)
        assert [p for p in Purpose if tokens.read(p, token, carried)] == [purpose]
        assert tokens.read(Purpose.LINK, token, "") is None


def test_links_outlive_a_change_of_the_key(settings: Any) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the old one", []
    link, mailbox = Signer(7, 8).link(Target.of("https://example.com/")), tokens.mailbox(7, 8)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new one", ["the old one"]
    assert tokens.read(*parts(link)) == Named(7, 8, Note.NOTHING, "https://example.com/")
    assert tokens.read_mailbox(mailbox) == Named(7, 8)
    settings.SECRET_KEY_FALLBACKS = []
    assert tokens.read(*parts(link)) is None
    assert tokens.read_mailbox(mailbox) is None
    assert Signer(7, 8).pixel() != link


def test_an_address_to_unsubscribe_by_mail_is_read_in_any_case() -> None:
    assert tokens.read_mailbox(f" {tokens.mailbox(7, 8).upper()}@MAIL.EXAMPLE.COM") == Named(7, 8)

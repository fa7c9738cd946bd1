from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import tokens

IDS = st.integers(0, 2**63 - 1)


@given(IDS)
def test_a_return_path_names_its_email_whatever_the_case(email_id: int) -> None:
    address = tokens.return_path(email_id, "bounce.acme.test")
    local, _at, domain = address.partition("@")
    assert len(local) <= 64
    assert domain == "bounce.acme.test"
    assert tokens.read(address) == tokens.read(address.upper()) == email_id
    assert tokens.read(tokens.token(email_id)) == email_id


@given(IDS, st.integers(0, 27), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_token_that_was_changed_names_nothing(email_id: int, place: int, letter: str) -> None:
    token = tokens.token(email_id)
    changed = token[:place] + letter + token[place + 1 :]
    assert tokens.read(changed) == (email_id if changed == token else None)


@given(st.text())
def test_reading_never_fails(text: str) -> None:
    assert tokens.read(text) is None


def test_forwarders_may_wrap_the_address() -> None:
    local = tokens.return_path(77, "b.test").partition("@")[0]
    assert tokens.read(f"SRS0=HHH=TT=b.test={local}@forwarder.test") == 77
    assert tokens.read(f"prvs=1234567890={local}@b.test") == 77
    assert tokens.read(f"<{local}@b.test>") == 77


def test_a_new_secret_key_still_reads_what_the_old_one_signed(settings: Any) -> None:
    old = settings.SECRET_KEY
    token = tokens.token(5)
    settings.SECRET_KEY = "another-one"
    assert tokens.read(token) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert tokens.read(token) == 5
    assert tokens.token(5) != token


@pytest.mark.parametrize("text", ["", "b+@acme.test", "bob@acme.test", "b+" + "a" * 28 + "@acme.test", "b" * 5000])
def test_addresses_of_others_name_nothing(text: str) -> None:
    assert tokens.read(text) is None

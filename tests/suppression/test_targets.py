"""Whom an entry covers, and that each target has one spelling."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suppression import targets
from suppression.checking import _has, stopped
from suppression.models import Covers, Reason
from suppression.targets import NotATarget
from tests import make


@pytest.mark.parametrize(
    ("written", "text", "covers", "domain"),
    [
        ("Bob@Example.com ", "bob@example.com", Covers.ADDRESS, "example.com"),
        ("bob@MÜNCHEN.example", "bob@xn--mnchen-3ya.example", Covers.ADDRESS, "xn--mnchen-3ya.example"),
        ("bob@xn--mnchen-3ya.example", "bob@xn--mnchen-3ya.example", Covers.ADDRESS, "xn--mnchen-3ya.example"),
        ("example.com", "@example.com", Covers.DOMAIN, "example.com"),
        ("@Example.com.", "@example.com", Covers.DOMAIN, "example.com"),
        ("*@example.com", "@example.com", Covers.DOMAIN, "example.com"),
        ("münchen.example", "@xn--mnchen-3ya.example", Covers.DOMAIN, "xn--mnchen-3ya.example"),
        (".example.com", "@.example.com", Covers.SUBDOMAINS, "example.com"),
        ("*@*.example.com", "@.example.com", Covers.SUBDOMAINS, "example.com"),
        ("bounce-**@example.com", "bounce-*@example.com", Covers.PATTERN, "example.com"),
        ("bounce-*@münchen.example", "bounce-*@xn--mnchen-3ya.example", Covers.PATTERN, "xn--mnchen-3ya.example"),
        ("bounce-*@*.example", "bounce-*@*.example", Covers.PATTERN, ""),
    ],
)
def test_each_target_has_one_spelling(written: str, text: str, covers: Covers, domain: str) -> None:
    target = targets.read(written)
    assert (target.text, target.covers, target.domain) == (text, covers, domain)
    assert targets.read(str(target)) == target


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "There is no address"),
        ("x" * 400, "too long"),
        ("bob", "neither an address nor a domain"),
        ("com", "neither an address nor a domain"),
        ("*@*.com", "neither an address nor a domain"),
        ("bob@", "must"),
        ("a*@exa mple.com", "no pattern"),
        ("a*@-", "no pattern"),
        ("*a*@*", "nearly everybody"),
        ("bob@example..com", "two periods"),
    ],
)
def test_what_is_no_target_is_told_in_a_sentence(written: str, words: str) -> None:
    with pytest.raises(NotATarget, match=words) as error:
        targets.read(written)
    assert str(error.value).endswith(".")


@settings(max_examples=400)
@given(st.text(max_size=60) | st.from_regex(r"[a-zA-Z*.\"@ü-]{1,30}@[a-zA-Z*.ü-]{1,20}", fullmatch=True))
def test_whatever_is_written_is_read_or_refused_and_reads_the_same_again(written: str) -> None:
    address = targets.of_address(written)
    assert "*" not in address.text or '"' in address.text or "@" not in address.text
    try:
        target = targets.read(written)
    except NotATarget:
        return
    assert targets.read(str(target)) == target
    if target.covers == Covers.ADDRESS:
        assert targets.of_address(str(target)) == target


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("written", "hit", "missed"),
    [
        ("bob@example.com", ["BOB@example.COM"], ["bobby@example.com", "bob@mail.example.com"]),
        ("bob@münchen.example", ["Bob@MÜNCHEN.example", "bob@xn--mnchen-3ya.example"], ["bob@munchen.example"]),
        ("example.com", ["a@example.com"], ["a@mail.example.com", "a@badexample.com", "example.com@a.example"]),
        (".example.com", ["a@example.com", "a@mail.example.com", "a@x.mail.example.com"], ["a@badexample.com"]),
        ("a*z@example.com", ["az@example.com", "abcz@example.com", "a*z@example.com"], ["abc@example.com"]),
        ("ab*ba@example.com", ["abba@example.com"], ["aba@example.com"]),
        ("a.c*@example.com", ["a.cd@example.com"], ["abcd@example.com"]),
        ("tmp-*@*.example", ["tmp-1@a.example", "tmp-1@a.b.example"], ["tmp-1@example.com", "xtmp-1@a.example"]),
    ],
)
def test_whom_an_entry_stops(written: str, hit: list[str], missed: list[str]) -> None:
    account, other = make.account(), make.account()
    make.suppression(account, written)
    assert set(stopped(account.id, hit + missed)) == {address.lower() for address in hit}
    assert stopped(other.id, hit) == {}
    make.suppression(None, written)
    assert set(stopped(other.id, hit + missed)) == {address.lower() for address in hit}


@pytest.mark.django_db
def test_an_address_with_a_star_is_no_pattern() -> None:
    account = make.account()
    make.suppression(account, "b*@example.com", reason=Reason.MANUAL)
    assert set(stopped(account.id, ["bob@example.com", "a*c@example.com"])) == {"bob@example.com"}
    address = targets.of_address("a*c@example.com")
    assert (address.text, address.covers) == ('"a*c"@example.com', Covers.ADDRESS)
    make.suppression(account, '"a*c"@example.com')
    assert set(stopped(account.id, ["abc@example.com", "A*c@example.com"])) == {"a*c@example.com"}


@given(st.text("ab", max_size=12), st.lists(st.text("ab", min_size=1, max_size=3), max_size=4))
def test_parts_are_found_as_in_file_names(text: str, parts: list[str]) -> None:
    assert _has(text, parts) == fnmatchcase(text, "*".join(["", *parts, ""]))


@pytest.mark.django_db
def test_a_pattern_of_many_stars_takes_no_time() -> None:
    account = make.account()
    make.suppression(account, "a*" * 100 + "b@example.com")
    begin = time.perf_counter()
    assert stopped(account.id, [f"{'a' * 200}{n}@example.com" for n in range(1000)]) == {}
    assert time.perf_counter() - begin < 2

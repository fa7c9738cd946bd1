from __future__ import annotations

import pytest

from tests.webhooks.providers.cases import RECEIVED, multipart
from webhooks.requests import RawRequest, Unreadable


def json_of(body: bytes) -> object:
    return RawRequest(body, RECEIVED).json()


def form_of(body: bytes, content_type: str = "application/x-www-form-urlencoded") -> dict[str, list[str]]:
    return RawRequest(body, RECEIVED, content_type).form_lists()


def test_json_keeps_what_it_says() -> None:
    assert json_of('{"name": "Zoë 😀 \\ud83d\\ude00", "n": [1, 2.5, null]}'.encode()) == {
        "name": "Zoë 😀 😀", "n": [1, 2.5, None],
    }  # fmt: skip


def test_json_loses_what_postgresql_cannot_store() -> None:
    assert json_of(b'{"a\\u0000": ["b\\u0000", "\\ud800"]}') == {"a\ufffd": ["b\ufffd", "?"]}


@pytest.mark.parametrize("body", [b"", b"{", b"[NaN]", b"[Infinity]", b"[1e999]", b"\xff", b"[" * 200_000])
def test_what_is_not_json_is_told_to_be_none(body: bytes) -> None:
    with pytest.raises(Unreadable, match="The body is not JSON"):
        json_of(body)


def test_a_form_keeps_all_values_in_order() -> None:
    assert form_of(b"a=1&b=&a=2%202&c=%00") == {"a": ["1", "2 2"], "b": [""], "c": ["\ufffd"]}
    assert RawRequest(b"a=1&a=2", RECEIVED, "application/x-www-form-urlencoded").form() == {"a": "1"}


def test_a_multipart_form_is_read_the_same_way() -> None:
    body = multipart([["a", "1"], ["b", "Zoë"], ["a", "2"]]).encode()
    assert form_of(body, "multipart/form-data; boundary=a-line-between-the-parts") == {"a": ["1", "2"], "b": ["Zoë"]}


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_form_that_is_no_text_is_told_to_be_none(content_type: str) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--b--\r\n'
        if "multi" in content_type
        else b"\xff="
    )
    with pytest.raises(Unreadable, match="The body is not a form"):
        form_of(body, content_type)


def test_a_form_with_too_many_fields_is_not_read() -> None:
    with pytest.raises(Unreadable):
        form_of(b"&".join(b"a=1" for _ in range(6000)))


@pytest.mark.parametrize(
    ("header", "pair"),
    [("Basic YTpi", "a:b"), ("basic YTpi", "a:b"), ("Basic ?", ""), ("Basic /w==", ""), ("Bearer YTpi", ""), ("", "")],
)
def test_name_and_password_come_out_of_their_header(header: str, pair: str) -> None:
    assert RawRequest(b"", RECEIVED, headers={"authorization": header}).basic_auth() == pair

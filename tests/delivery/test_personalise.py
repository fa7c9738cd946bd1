from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from delivery.personalise import fill, fill_header

NAMES = st.text(
    st.characters(exclude_characters="%[]\r\n \t", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name == name.strip())
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = TEXTS | st.sampled_from(["[%NAME%]", "[%", "%]", "NAME", "\\1", "\\g<0>", "a\r\nBcc: eve@example.com"])


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hi [%NAME%]!", "Hi Ann!"),
        ("Hi [% NAME %]!", "Hi Ann!"),
        ("[%NAME%][%NAME%]", "AnnAnn"),
        ("[%FIRST NAME%]", "Ann Lee"),
        ("Hi [%MISSING%]!", "Hi !"),
        ("Hi [%name%]!", "Hi !"),
        ("[%HTML%]", "<b>&</b>"),
        ("100 % [sure] [%%] [% %] [NAME%] [%NAME]", "100 % [sure] [%%] [% %] [NAME%] [%NAME]"),
        ("", ""),
    ],
)
def test_placeholders_are_filled_and_nothing_else_is_touched(text: str, filled: str) -> None:
    attributes = {"NAME": "Ann", "FIRST NAME": "Ann Lee", "HTML": "<b>&</b>"}
    assert fill(text, attributes) == filled


@pytest.mark.parametrize("attributes", [None, {}])
def test_without_attributes_placeholders_vanish(attributes: dict[str, str] | None) -> None:
    assert fill("Hi [%NAME%]!", attributes) == "Hi !"


@given(st.lists(st.tuples(TEXTS.filter(lambda t: "[" not in t and "%" not in t and "]" not in t), NAMES, VALUES)))
@example([("a", "NAME", "[%NAME%]")])
def test_every_value_stands_where_its_name_stood_as_it_is(parts: list[tuple[str, str, str]]) -> None:
    attributes = {name: value for _text, name, value in parts}
    text = "".join(f"{before}[%{name}%]" for before, name, _value in parts)
    assert fill(text, attributes) == "".join(before + attributes[name] for before, name, _value in parts)


@given(TEXTS, st.dictionaries(NAMES, VALUES, max_size=3))
def test_a_header_stays_one_line(text: str, attributes: dict[str, str]) -> None:
    placed = text + "".join(f"[%{name}%]" for name in attributes)
    assert len(fill_header(placed, attributes).splitlines()) <= 1


@given(st.text(alphabet="[%] NAME\r\n"))
def test_nothing_breaks_it(text: str) -> None:
    assert isinstance(fill(text, {"NAME": "Ann"}), str)

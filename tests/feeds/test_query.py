"""The query language: what is understood, how it is written back, and what is said of mistakes."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from django.http import QueryDict
from hypothesis import given, settings

from feeds.events import Status
from feeds.keys import BY_NAME
from feeds.query import Filter, Term, Unclear
from tests.feeds import asking


def mistake(text: str) -> Unclear:
    with pytest.raises(Unclear) as unclear:
        Filter.parse(text)
    return unclear.value


def understood(text: str) -> tuple[Filter, list[Unclear]]:
    try:
        return Filter.parse(text), []
    except Unclear as unclear:
        return Filter(), [unclear]


def read(query: str) -> str:
    return Filter.read(QueryDict(query)).text


@settings(max_examples=1000)
@given(text=asking.scrawls)
def test_any_text_is_understood_or_answered_with_a_sentence(text: str) -> None:
    asked, said = understood(text)
    if said:
        assert 0 <= said[0].start <= said[0].end <= len(text)
        assert said[0].sentence.endswith(".")
        return
    assert Filter.parse(asked.text) == asked
    assert (asked.params() == []) == asked.is_empty == (not text.strip() or not asked.terms)
    assert asked.last_day is None or asked.days[1] is not None


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        ("  BOB  ", "bob"),
        ("bob ann bob", "bob ann"),
        ("bob\tann\u200b", "bob ann"),
        ('"order from" -"x:y"', '"order from" -"x:y"'),
        ("FROM:Shop@Acme.test", "from:shop@acme.test"),
        ("subject:Hello", "subject:Hello"),
        (r'subject:"a \"b\" \\ c"', r'subject:"a \"b\" \\ c"'),
        ("subject:“hello you”", 'subject:"hello you"'),
        ('to:"bob@x.test"', "to:bob@x.test"),
        ("jo** -*@x.test", "jo* -*@x.test"),
        ("status:clicked,bounced,clicked", "status:bounced,clicked"),
        ("is:late event:Opened,deferred", "is:late event:opened,deferred"),
        ("code:5.1 code:5.1.* code:5.1.1", "code:5.1.* code:5.1.1"),
        ("opens:=03 clicks:>=1", "opens:3 clicks:>=1"),
        ("since:02D", "since:2d"),
        ("after:2026-03-31t14:00:00 before:2026-04-01", "after:2026-03-31T14:00 before:2026-04-01"),
        ("after:2026-03-31T14:00z", "after:2026-03-31T14:00+00:00"),
        ("domain:@Gmail.com", "domain:gmail.com"),
        ("id:<abc@x.test>", "id:abc@x.test"),
        ('from:"" subject:"" tag:""', 'from:"" subject:"" tag:""'),
        ("Bob Builder <Bob@x.test>", "bob@x.test"),
        ('"Builder, Bob" <bob@x.test>,', "bob@x.test"),
        ("to:<bob@x.test>; mailto:ann@x.test?subject=hi", "to:bob@x.test ann@x.test"),
        ("-<bob@x.test>", "-bob@x.test"),
        ("--bob", '-"-bob"'),
    ],
)
def test_what_is_asked_is_written_in_one_way(text: str, written: str) -> None:
    assert Filter.parse(text).text == written
    assert Filter.parse(written).text == written


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("bob statis:sent", "statis:", "“statis:” is no key. Did you mean “status:”? Keys are: to:, from:,"),
        ("https://x.test", "https:", 'To search for it as it stands, quote it: "https://x.test".'),
        ("status:sent,bonced", "bonced", "“bonced” is no status. Did you mean “bounced”? Statuses are: processed,"),
        ("event:zzz", "zzz", "“zzz” is no kind of event. Kinds are: processed,"),
        ("is:odd", "odd", "“odd” cannot stand behind “is:”. These can: retrying,"),
        ("bob from:", "from:", "“from:” needs a value right behind it, such as from:shop@example.com."),
        ("status:sent, bob", ",", "“status:” needs a value right behind it"),
        ("bob -", "-", "Behind “-” the word or the key that must not match is expected"),
        ('bob "ann', '"ann', "The quotation mark before “ann” has no partner"),
        ('"bob"ann', '"bob"a', 'A blank is expected behind the phrase "bob".'),
        ('bo"b', 'bo"b', "A quotation mark stands inside of “bo\"b”."),
        ('bob ""', '""', "Nothing stands here to search for."),
        ("domain:*.test", "*.test", "“domain:” takes one whole domain. For a pattern write to:*@*.test."),
        ("domain:bob@x.test", "bob@x.test", "Write domain:x.test, or to:bob@x.test."),
        ("code:550", "550", "Write comment:550."),
        ("code:high", "high", "“high” is no status code. Write it as 5.1.1,"),
        ("opens:many", "many", "“many” is no number of times."),
        ("opens:9999999999", "9999999999", "is no number of times."),
        ("since:yesterday", "yesterday", "Write it as 30m, 12h, 2d or 1w"),
        ("after:2026-02-30", "2026-02-30", "“2026-02-30” is neither a day nor a time."),
        ("before:10000-01-01", "10000-01-01", "is neither a day nor a time."),
        ("after:2026-03-02 before:2026-03-02", "before:2026-03-02", "so nothing can be found. Swap or change them."),
        ("status:sent status:opened", "status:opened", "Write status:sent,opened for any of them."),
        ("since:1d since:2d", "since:2d", "“since:” stands here twice. Remove one of them."),
        ("*".join("a" * 12), "*".join("a" * 12), "A pattern can have 10 stars at the most."),
        ("bob\0", "\0", "Character 4 of this search is none that can be searched for."),
        (" ".join(f"a{n}" for n in range(41)), "a40", "A search can have 40 terms at the most."),
    ],
)  # fmt: skip
def test_a_mistake_gets_a_sentence_with_its_place(text: str, place: str, sentence: str) -> None:
    unclear = mistake(text)
    assert sentence in str(unclear)
    assert text[unclear.start : unclear.end] == place


def test_a_search_that_is_too_long_says_how_long_it_may_be() -> None:
    assert "2000" in str(mistake("x" * 2001))
    assert "2000" in str(mistake('subject:"' + "“" * 1500 + '" tag:"' + r"\\" * 200 + '"' + " x" * 30 + "\\" * 30))


# ---- The box, the controls and the address ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("q=bob&status=bounced&status=sent", "bob status:sent,bounced"),
        ("since=2026-03-01&until=2026-03-31", "after:2026-03-01 before:2026-04-01"),
        ("after=2026-03-01&before=2026-04-01", "after:2026-03-01 before:2026-04-01"),
        ("q=status:sent&status=&since=&until=", "status:sent"),
        ("q=status:sent&status=opened", "status:opened"),
        ("q=bob&before=228240941570327038", "bob"),
        ("q=bob&before=x", "bob"),
    ],
)
def test_an_address_may_name_controls_beside_the_text(query: str, text: str) -> None:
    assert read(query) == text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        # The text was changed, no control touched.
        ("was=status:sent&q=status:opened&status=sent&since=&until=", "status:opened"),
        ("was=since:2d&q=since:3d&since=&until=", "since:3d"),
        # A control was touched, whatever the text says.
        ("was=status:sent+bob&q=status:sent+ann&status=sent&status=opened", "status:sent,opened ann"),
        ("was=status:sent&q=status:sent+bob", "bob"),
        ("was=-status:sent&q=-status:sent&status=opened", "status:opened"),
        ("was=since:2d+bob&q=since:2d+bob&since=2026-03-01&until=", "bob after:2026-03-01"),
        ("was=after:2026-03-01T09:00&q=after:2026-03-01T09:00&since=2026-03-01&until=", "after:2026-03-01T09:00"),
        ("was=before:2026-04-01&q=before:2026-04-01&since=&until=2026-03-31", "before:2026-04-01"),
        ("was=before:2026-04-01&q=before:2026-04-01&since=&until=2026-03-30", "before:2026-03-31"),
        ("was=before:2026-04-01&q=before:2026-04-01&since=&until=", ""),
        # What the page was drawn with cannot be understood: its controls were empty.
        ("was=status:x&q=bob&status=sent", "bob status:sent"),
    ],
)  # fmt: skip
def test_a_touched_control_wins_and_else_the_text(query: str, text: str) -> None:
    assert read(query) == text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=a:b", "q"), ("status=gone", "status"), ("since=soon", "since"), ("after=20260301", "after"),
        ("until=2026-02-30", "until"), ("until=9999-12-31", "until"), ("before=2026-02-30", "before"),
        ("since=2026-03-02&until=2026-03-01", "until"), ("q=after:2026-03-02&until=2026-03-01", "until"),
    ],
)  # fmt: skip
def test_a_mistake_says_in_which_control_it_is(query: str, field: str) -> None:
    with pytest.raises(Unclear) as unclear:
        Filter.read(QueryDict(query))
    assert unclear.value.field == field


def test_the_controls_are_drawn_from_the_text() -> None:
    asked = Filter.parse("status:opened,bounced -status:sent after:2026-03-01T09:00 before:2026-03-31T14:00")
    assert asked.statuses == (Status.BOUNCED, Status.OPENED)
    assert asked.days == (date(2026, 3, 1), date(2026, 4, 1))
    assert asked.last_day == date(2026, 3, 31)
    assert Filter.parse("bob before:9999-12-31T23:59").days == (None, date.max)
    assert Filter().statuses == ()


def test_a_link_puts_one_term_in_place_of_another() -> None:
    asked = Filter.parse("status:sent bob -status:opened")
    assert asked.replaced("status", "bounced").text == "status:bounced bob"
    assert asked.replaced("to", "ann@x.test").text == "status:sent bob -status:opened to:ann@x.test"
    assert asked.without("status").text == "bob"
    assert asked.replaced("status") == asked.without("status") == Filter((Term("", ("bob",)),))


def test_the_document_names_every_key_and_its_searches_are_understood() -> None:
    document = (Path(__file__).parents[2] / "docs" / "searching.md").read_text()
    assert [key for key in BY_NAME if f"`{key}:" not in document] == []
    for search in re.findall(r"`([a-z]+:[^`…]+|-[^`]+)`", document):
        Filter.parse(search)

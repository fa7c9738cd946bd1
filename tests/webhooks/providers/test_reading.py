from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.events import Event
from tests.webhooks.providers.cases import RECEIVED, Case, all_cases
from webhooks.providers import PROVIDERS, get
from webhooks.requests import RawRequest, Unreadable, storable

CASES = all_cases()
SLUGS = sorted(PROVIDERS)
ODD: list[Any] = [None, True, [], {}, [[7]], {"": {}}, -1, 1e300, "", "\ud800\0", "not what it seems"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def shown(event: Event, field: str) -> Any:
    value = getattr(event, field)
    if field in ("kind", "bounce"):
        return value.name
    if field == "tags":
        return list(value)
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("case", [case for case in CASES if not case.unreadable], ids=str)
def test_a_request_is_read_as_its_provider_means_it(case: Case) -> None:
    events = PROVIDERS[case.slug].parse(case.request)
    read = [{field: shown(event, field) for field in wanted} for event, wanted in zip(events, case.events, strict=True)]
    assert read == case.events


@pytest.mark.parametrize("case", [case for case in CASES if case.unreadable], ids=str)
def test_a_request_that_belongs_elsewhere_says_what_was_expected(case: Case) -> None:
    with pytest.raises(Unreadable) as told:
        PROVIDERS[case.slug].parse(case.request)
    assert case.unreadable in str(told.value)


def test_every_provider_has_fixtures_and_is_found_by_its_name() -> None:
    assert {case.slug for case in CASES} == set(PROVIDERS)
    assert [get(slug) for slug in SLUGS] == [PROVIDERS[slug] for slug in SLUGS]
    assert get("nobody") is None


@pytest.mark.parametrize("case", [case for case in CASES if not case.unreadable], ids=str)
def test_the_same_request_later_gives_events_with_the_same_keys(case: Case) -> None:
    request = case.request
    retry = RawRequest(request.body, RECEIVED + timedelta(hours=3), request.content_type, request.headers)
    keys = [event.key() for event in PROVIDERS[case.slug].parse(request)]
    assert [event.key() for event in PROVIDERS[case.slug].parse(retry)] == keys


@pytest.mark.parametrize("slug", SLUGS)
def test_events_of_one_email_have_different_keys(slug: str) -> None:
    for case in CASES:
        if case.slug == slug and not case.unreadable:
            events = PROVIDERS[slug].parse(case.request)
            assert len({(event.recipient, event.key()) for event in events}) == len(events)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_moment_has_a_zone_and_nothing_holds_what_postgresql_cannot(slug: str) -> None:
    for case in CASES:
        if case.slug == slug and not case.unreadable:
            for event in PROVIDERS[slug].parse(case.request):
                assert event.occurred_at.utcoffset() is not None
                assert "\0" not in repr(event)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_test_event_is_a_delivery_to_its_recipient(slug: str) -> None:
    [event] = PROVIDERS[slug].parse(PROVIDERS[slug].sample("me@example.com", RECEIVED))
    assert (event.kind.name, event.recipient) == ("DELIVERED", "me@example.com")
    assert abs(event.occurred_at - RECEIVED) < timedelta(seconds=1)
    assert event.message_id


@pytest.mark.parametrize("slug", SLUGS)
def test_every_provider_tells_how_it_is_set_up(slug: str) -> None:
    steps = [str(step) for step in PROVIDERS[slug].steps]
    assert 3 <= len(steps) <= 6
    assert any("{address}" in step for step in steps)
    assert all(len(step) < 160 for step in steps)


@pytest.mark.parametrize("slug", SLUGS)
def test_no_field_of_another_type_breaks_a_reader(slug: str) -> None:
    for case in CASES:
        if case.slug == slug and case.request.body[:1] in (b"{", b"["):
            for body in mutants(json.loads(case.request.body)):
                read_or_refuse(slug, body)


def mutants(data: Any) -> Iterator[bytes]:
    """The data with each of its values in turn made something odd; the event inside an SNS message, too."""
    if isinstance(data, dict) and isinstance(data.get("Message"), str) and data["Message"].startswith("{"):
        for inner in mutants(json.loads(data["Message"])):
            yield json.dumps({**data, "Message": inner.decode()}).encode()
    for holder, place in places(data):
        kept = holder[place]
        for odd in ODD:
            holder[place] = odd
            yield json.dumps(data).encode()
        holder[place] = kept


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    for place, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        yield data, place
        if isinstance(value, dict | list):
            yield from places(value)


@pytest.mark.parametrize("slug", SLUGS)
@given(data=ANY_JSON)
def test_no_json_at_all_breaks_a_reader(slug: str, data: Any) -> None:
    read_or_refuse(slug, json.dumps(data).encode())


@pytest.mark.parametrize("slug", SLUGS)
@given(body=st.binary(max_size=60))
@example(body=b"[" * 100_000)
@example(body=b'[{"event": "x", "timestamp": 1e999}]')
@example(body=b'{"timestamp": NaN}')
@example(body=b'{"event-data": {"event": "x", "timestamp": 99999999999999999999}}')
def test_no_bytes_at_all_break_a_reader(slug: str, body: bytes) -> None:
    read_or_refuse(slug, body)
    for content_type in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data"):
        read_or_refuse(slug, body, content_type)


def read_or_refuse(slug: str, body: bytes, content_type: str = "application/json") -> None:
    try:
        events = PROVIDERS[slug].parse(RawRequest(body, RECEIVED, content_type))
    except Unreadable:
        return
    for event in events:
        assert event.occurred_at.tzinfo is not None
        assert isinstance(event.key(), int)
        texts = [getattr(event, field.name) for field in fields(event) if field.type == "str"]
        assert len(texts) >= 10
        assert all(isinstance(text, str) and storable(text) == text for text in [*texts, *event.tags])
        assert all(storable(text) == text for text in texts_in(event.raw))


def texts_in(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from texts_in([*data, *data.values()])
    elif isinstance(data, list):
        for value in data:
            yield from texts_in(value)

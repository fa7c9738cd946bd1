"""Whom the hub asks about an email, whatever happens to it: all who want it, and all who may have to let it go."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import terms
from feeds.events import Bounce, Held, Kind
from feeds.leaving import RECENT
from feeds.lifecycle import record
from feeds.models import MAX_ID, Email
from feeds.query import Filter, Unclear
from feeds.switchboard import Switchboard
from feeds.viewers import Watch
from tests import make

pytestmark = pytest.mark.django_db
NUMBERS = itertools.count()

TERMS = (
    "ann@example.com", "ann", "to:ann@example.com", "to:a*", "from:news@acme.test", "from:news", "domain:example.com",
    "subject:hello", 'comment:"full"', "code:5.2.2", "code:4.*", "tag:spring", "arg:order-1", "id:m-1", "id:h-1",
    "status:sent", "status:processed,delivered", "status:bounced", "event:opened,deferred", "is:retrying", "is:machine",
    "is:held", "is:test", "is:late", "is:orphan,unknown", "opens:0", "opens:>1", "clicks:<2", "opens:1",
    "source:\"plain source\"",
)  # fmt: skip


def is_clear(text: str) -> bool:
    """Whether it can be asked at all: no email has two statuses."""
    try:
        Filter.parse(text)
    except Unclear:
        return False
    return True


QUERIES = (
    st.lists(st.builds(lambda term, sign: sign + term, st.sampled_from(TERMS), st.sampled_from(["", "-"])), max_size=2)
    .map(" ".join)
    .filter(is_clear)
)
EVENTS = st.fixed_dictionaries(
    {"kind": st.sampled_from(list(Kind)), "ago": st.integers(0, 5000)},
    optional={
        "sender": st.just("news@acme.test"),
        "subject": st.just("Hello Ann"),
        "tags": st.just(("spring",)),
        "argument": st.just("order-1"),
        "header_id": st.just("h-1"),
        "comment": st.sampled_from(["552 5.2.2 Mailbox full", "421 4.7.0 Try again", "250 OK"]),
    },
)


def watched(account: Any, text: str, told: list[int]) -> tuple[Switchboard, Any]:
    """A switchboard on which one viewer watches this, who was told of these emails."""
    asked = Filter.parse(text)
    watch = Watch(account, terms.resolve(asked, account, timezone.now()), asked.text, "en")
    board = Switchboard()
    board.add(Mock(watch=watch, older=0))
    (party,) = board.parties.values()
    party.note(told)
    return board, party


@settings(max_examples=60)
@given(steps=st.lists(EVENTS, min_size=1, max_size=5), queries=st.lists(QUERIES, min_size=1, max_size=12))
def test_who_wants_an_email_is_asked_and_who_loses_it_is_told(steps: list[dict[str, Any]], queries: list[str]) -> None:
    account = make.account(f"a{next(NUMBERS)}")
    source = make.source(account)
    before: Email | None = None
    for n, step in enumerate(steps):
        now = timezone.now()
        fields = {name: value for name, value in step.items() if name not in ("kind", "ago")}
        code = fields.get("comment", "").split(" ")[1] if fields.get("comment", "250 OK")[:3] != "250" else ""
        bounce = Bounce.SOFT if step["kind"] is Kind.BOUNCED else Bounce.NONE
        at = now - timedelta(seconds=step["ago"])
        event = make.event(
            step["kind"], "ann@example.com", message_id="m-1", event_id=f"e{n}", occurred_at=at, code=code,
            bounce=bounce, held=Held.CREDITS if step["kind"] is Kind.HELD else Held.NO, **fields,
        )  # fmt: skip
        record([make.arrival(source, event, received_at=now)])
        after = Email.objects.get(account=account)
        for text in queries:
            wanted = terms.resolve(Filter.parse(text), account, now)
            board, party = watched(account, text, [after.id])
            matches = wanted.matches(after)
            assert party.wants(after) == matches
            if matches:
                assert party in set(board.asked(after))
            elif before is not None and wanted.matches(before):
                assert party in set(board.asked(after))
                assert party.may_lose(after, timezone.now() - RECENT)
        before = after


def test_an_email_that_nobody_can_have_on_their_page_leaves_nobody() -> None:
    account = make.account()
    record([make.arrival(make.source(account), make.event(Kind.DELIVERED), received_at=timezone.now())])
    email = Email.objects.get()
    _board, party = watched(account, "status:sent,processed", [])
    assert not party.may_lose(email, timezone.now() - RECENT)
    party.older = MAX_ID
    assert party.may_lose(email, email.first_at - timedelta(seconds=1))


def test_those_who_left_are_asked_no_more() -> None:
    account = make.account()
    asked = Filter.parse("to:bob@example.com")
    watch = Watch(account, terms.resolve(asked, account, timezone.now()), asked.text, "en")
    first, second = Mock(watch=watch, older=0), Mock(watch=watch, older=0)
    board = Switchboard()
    for viewer in (first, second):
        board.add(viewer)
    assert len(board.parties) == 1
    board.remove(first)
    board.remove(first)
    assert list(board.viewers) == [second]
    board.remove(second)
    assert not board.parties
    assert not board._by_key

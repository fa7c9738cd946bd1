from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.access import Access, enter
from feeds import search
from feeds.events import Bounce, Event, Kind
from feeds.lifecycle import record
from feeds.models import Email
from feeds.query import Filter, Unclear
from feeds.search import page
from feeds.values import is_whole
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def source() -> Source:
    return make.source(make.account(time_zone="America/Sao_Paulo"))


@pytest.fixture
def access(source: Source) -> Access:
    return enter(make.member(source.account), source.account.slug)


def told(source: Source, *events: Event) -> None:
    """Each event is of another message, a second after the one before."""
    for n, event in enumerate(events):
        event.message_id = event.message_id + str(n)
        event.occurred_at = NOON + timedelta(seconds=n)
    record([make.arrival(source, *events, received_at=LATER)])


def found(access: Access, query: str = "", **kwargs: int | None) -> list[str]:
    return [email.recipient for email in page(access, Filter.read(QueryDict(query)), LATER, **kwargs).emails]  # type: ignore[arg-type]


def test_the_newest_come_first_and_pages_follow_without_gap_or_repeat(source: Source, access: Access) -> None:
    told(source, *(make.event(recipient=f"r{n}@example.com") for n in range(7)))
    seen, before = [], None
    for _ in range(4):
        part = page(access, Filter(), LATER, before=before, limit=2)
        seen += [email.recipient for email in part.emails]
        before = part.older
    assert seen == [f"r{n}@example.com" for n in range(6, -1, -1)]
    assert before is None


def test_another_account_is_never_found(source: Source, access: Access) -> None:
    told(make.source(make.account()), make.event(recipient="bob@example.com"))
    for query in ("", "q=bob", "q=bob@example.com", "status=delivered"):
        assert found(access, query) == []


@pytest.mark.parametrize("look", [0, 20_000])
@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("q=bob@example.com", ["bob@example.com"]),
        ("q=BOB%40example.com+", ["bob@example.com"]),
        ("q=ob@exam", ["rob@example.com", "bob@example.com"]),
        ("q=@example.c", ["rob@example.com", "bob@example.com"]),
        ("q=rob", ["rob@example.com", "sue@rob.test"]),
        ("q=shop@acme.test", ["rob@example.com"]),
        ("q=acme", ["rob@example.com"]),
        ("q=%25", ["100%@x.test"]),
        ("q=_", []),
        ("q=nobody", []),
        ("status=bounced", ["bob@example.com"]),
        ("status=bounced&status=delivered&q=example", ["rob@example.com", "bob@example.com"]),
        ("q=bob&status=delivered", []),
    ],
)
def test_each_step_of_the_search_finds_the_same(
    source: Source, access: Access, monkeypatch: pytest.MonkeyPatch, look: int, query: str, hits: list[str]
) -> None:
    monkeypatch.setattr(search, "LOOKS", (look or 1,))
    told(
        source,
        make.event(recipient="100%@x.test"),
        make.event(recipient="sue@rob.test"),
        make.event(Kind.BOUNCED, recipient="Bob@Example.com", bounce=Bounce.HARD),
        make.event(recipient="rob@example.com", sender="shop@acme.test"),
        make.event(Kind.OPENED, recipient="last@z.test"),
    )
    assert found(access, query) == hits


def test_a_search_that_stopped_says_how_far_it_looked_and_goes_on_from_there(
    source: Source, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKS", (3,))
    monkeypatch.setattr(search, "SECONDS", 0)
    told(source, *(make.event(Kind.OPENED if n == 0 else Kind.DELIVERED, recipient=f"r{n}@x.test") for n in range(8)))
    wanted = Filter.parse("status:opened")
    first = page(access, wanted, LATER)
    assert (first.emails, first.back_to) == ([], NOON + timedelta(seconds=5))
    second = page(access, wanted, LATER, before=first.older)
    assert (second.emails, second.back_to) == ([], NOON + timedelta(seconds=2))
    third = page(access, wanted, LATER, before=second.older)
    assert ([email.recipient for email in third.emails], third.older) == (["r0@x.test"], None)


def test_days_are_the_accounts_days(source: Source, access: Access) -> None:
    record([make.arrival(source, make.event(occurred_at=NOON.replace(hour=2)), received_at=NOON)])
    assert found(access, "since=2026-03-09&until=2026-03-09") == ["bob@example.com"]  # 23:00 in São Paulo
    assert found(access, "since=2026-03-10") == []


def test_emails_older_than_the_account_keeps_them_are_not_found(source: Source, access: Access) -> None:
    told(source, make.event())
    access.account.retention_days = 10
    assert page(access, Filter(), NOON + timedelta(days=9)).emails
    assert not page(access, Filter(), NOON + timedelta(days=11)).emails


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=gone", "status"), ("since=soon", "since"), ("until=2026-02-30", "until"), ("q=" + "x" * 2001, "q"),
     ("since=2026-03-02&until=2026-03-01", "until"), ("q=%00", "q")],
)  # fmt: skip
def test_what_cannot_be_understood_is_said(query: str, field: str) -> None:
    with pytest.raises(Unclear) as unclear:
        Filter.read(QueryDict(query))
    assert unclear.value.field == field
    assert str(unclear.value).endswith(".")


@settings(max_examples=200)
@given(text=st.text(max_size=30), since=st.text(max_size=12), statuses=st.lists(st.text(max_size=12), max_size=3))
def test_reading_a_filter_raises_nothing_of_its_own(text: str, since: str, statuses: list[str]) -> None:
    params = QueryDict(mutable=True)
    params["q"], params["since"] = text, since
    params.setlist("status", statuses)
    try:
        wanted = Filter.read(params)
    except Unclear:
        return
    again = QueryDict(mutable=True)
    for name, value in wanted.params():
        again.appendlist(name, value)
    assert Filter.read(again) == wanted


@settings(max_examples=60)
@given(text=st.text(alphabet="ab.@%_\\'\" ç", max_size=8))
def test_a_found_email_holds_what_was_asked_for_and_none_is_missed(text: str) -> None:
    source = make.source(make.account())
    access = enter(make.member(source.account), source.account.slug)
    told(source, *(make.event(recipient=r) for r in ("a.b@ab.ba", "a%b@a.b", "a_\\b@b.a", "bç@a.ab", "b'a@bb.aa")))
    phrase = '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
    wanted = Filter.parse(phrase if text.strip() else "")
    recipients = Email.objects.filter(account=source.account).order_by("-id").values_list("recipient", flat=True)
    needle = text.strip()
    hits = [r for r in recipients if (r == needle if is_whole(needle) else needle in r)]
    for look in (1, 20_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "LOOKS", (look,))
            assert [email.recipient for email in page(access, wanted, LATER).emails] == hits

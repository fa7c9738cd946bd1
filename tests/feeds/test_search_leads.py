"""Whatever leads a search, it finds exactly the emails that meet all conditions, page by page."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.access import Access, enter
from feeds import drivers, search
from feeds.events import Bounce, Event, Held, Kind
from feeds.lifecycle import record
from feeds.models import Email
from feeds.query import Filter, Unclear
from feeds.terms import Not, resolve
from tests import make
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=1)
RECIPIENTS = (
    "ann@example.com", "bob@example.com", "ann.lee@mail.example.com", "joann@other.test", "x@example.com.test",
    "a@b@example.com", "an_n@ex%mple.com", "nobody", "", "zoë@exämple.com", "lee@ann.test", "annette@sub.ann.test",
)  # fmt: skip
SENDERS = ("shop@acme.test", "news@acme.test", "ann@acme.test", "")
TAGS: tuple[tuple[str, ...], ...] = ((), ("autumn",), ("autumn", "vip"), ("vip",), ("receipt",))
BOUNCE = {"bounce": Bounce.HARD, "code": "5.1.1", "comment": "550 5.1.1 no such user"}
DEFERRED = {"code": "4.2.2", "comment": "452 4.2.2 mailbox full"}
LIVES: tuple[tuple[tuple[Kind, dict[str, Any]], ...], ...] = (
    ((Kind.PROCESSED, {}),),
    ((Kind.DELIVERED, {"code": "2.0.0", "comment": "250 2.0.0 OK"}),),
    ((Kind.BOUNCED, BOUNCE),),
    ((Kind.DEFERRED, DEFERRED),),
    (
        (Kind.DEFERRED, DEFERRED),
        (Kind.DEFERRED, {**DEFERRED, "code": "4.7.0"}),
        (Kind.DELIVERED, {"comment": "250 OK"}),
    ),
    ((Kind.BOUNCED, {**BOUNCE, "code": "5.2.2"}), (Kind.OPENED, {})),
    ((Kind.DELIVERED, {}), (Kind.SPAM, {}), (Kind.UNSUBSCRIBED, {})),
    ((Kind.DROPPED, {"comment": "On the list"}),),
    ((Kind.DELIVERED, {}), (Kind.CLICKED, {}), (Kind.UNKNOWN, {})),
    ((Kind.PROCESSED, {}), (Kind.HELD, {"held": Held.CREDITS})),
    ((Kind.PROCESSED, {}), (Kind.HELD, {"held": Held.SCHEDULED}), (Kind.RELEASED, {})),
    ((Kind.PROCESSED, {}), (Kind.HELD, {"held": Held.DISABLED}), (Kind.DROPPED, {})),
)
TERMS = (
    "ann", "ann@example.com", "nn@exam", "@example.com", "b@example.com", "ann*", "*@example.com", "*ann*test",
    "*.test", "a*@*com", "*@ex*", "zoë", "an_n", "%", "l", "to:ann@example.com", "from:shop@acme.test", "from:ann",
    "to:*ann", "domain:example.com", "domain:ann.test", "domain:none.test", "to:gone@example.com",
    "tag:autumn", "tag:vip", "tag:none", 'tag:""', "id:m7", "id:h11", "id:none", "arg:a1", "arg:none", "status:bounced",
    "status:spam,dropped", "status:processed", "status:delivered,opened", "event:bounced", "event:deferred,unknown",
    "event:opened", "is:retrying", "is:unknown,orphan", "is:orphan", "is:test", "is:late", "code:5.1.1", "code:5.*",
    "code:4.2.*", "code:2.0.0", "code:7.*", 'reason:"On the list"', 'reason:"none"', "opens:>0", "clicks:0",
    "is:held", "is:held,retrying", "subject:order", 'comment:"mailbox full"', "before:2026-03-05", "after:2026-02-10",
    "since:20d",
)  # fmt: skip
# As at ten million emails, with a few dozen.
SMALL: dict[str, Any] = {
    "LOOKS": (1, 3), "FURTHER_LOOK": 4, "FAR": 2, "LEAST_LOOK": 2, "MOST_LOOK": 5, "LEAST_SLICE": 1,
    "TOGETHER_SLICE": 2, "MOST_SLICE": 6, "GROWTH": 2, "PROBE": 3, "MANY_KEYS": 2,
}  # fmt: skip


def emails_of(source: Source) -> None:
    """Sixty emails over three months; some have their events late, one of a test, some name no message."""
    for n in range(60):
        at = NOON - timedelta(days=n * 1.4, minutes=n)
        events = [
            make.event(
                kind, RECIPIENTS[n * 7 % len(RECIPIENTS)], message_id=f"m{n}" if n % 13 else "", argument=f"a{n % 5}",
                header_id=f"h{n}", subject=f"Your order {n}", sender=SENDERS[n % len(SENDERS)],
                tags=TAGS[n % len(TAGS)], occurred_at=at + timedelta(seconds=second), name=f"{kind.name}{second}",
                **more,
            )
            for second, (kind, more) in enumerate(LIVES[n % len(LIVES)])
        ]  # fmt: skip
        late = timedelta(hours=2) if n % 11 == 0 else timedelta(minutes=1)
        record([make.arrival(source, *events, received_at=at + late, is_test=n == 20)])


@pytest.fixture
def access() -> Access:
    source, other = make.source(make.account(retention_days=80)), make.source(make.account())
    emails_of(source)
    emails_of(other)
    return enter(make.member(source.account), source.account.slug)


def expected(access: Access, text: str, emails: Iterable[Email] | None = None) -> list[int]:
    wanted = resolve(Filter.parse(text), access.account, LATER)
    return sorted((email.id for email in emails or Email.objects.all() if wanted.matches(email)), reverse=True)


def found(access: Access, text: str, limit: int = 7) -> list[int]:
    """All pages one after the other."""
    ids: list[int] = []
    before, pages = None, 0
    while True:
        part = search.page(access, Filter.parse(text), LATER, before, limit)
        assert len(part.emails) <= limit
        ids += [email.id for email in part.emails]
        assert part.older is None or before is None or part.older < before
        before, pages = part.older, pages + 1
        if before is None:
            return ids
        assert pages < 200


@pytest.fixture(params=["small", "no time", "many addresses", "never far", "always far"])
def bounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    changes: dict[str, dict[str, Any]] = {
        "small": SMALL,
        "no time": SMALL | {"SECONDS": 0},
        "many addresses": SMALL | {"MANY_KEYS": 10_000},
        "never far": SMALL | {"FAR": 10**9},
        "always far": SMALL | {"FAR": 0},
    }
    for name, value in changes[request.param].items():
        monkeypatch.setattr(search, name, value)
    if request.param == "many addresses":
        monkeypatch.setattr(drivers, "MOST_ADDRESSES", 1)


PAIRS = (
    "to:ann@example.com status:spam,bounced", "tag:autumn ann", "tag:vip from:shop@acme.test event:deferred",
    "code:5.* -status:opened", "-ann -tag:vip", "is:retrying tag:autumn", "ann example.com", "id:m7 id:m8",
    "domain:example.com after:2026-02-10 before:2026-03-05", "status:processed -from:shop@acme.test",
    "arg:a1 status:bounced,dropped subject:order", "to:gone@example.com status:bounced", "from:news@acme.test code:4.*",
    "ann@acme.test event:deferred tag:vip", "event:deferred code:4.2.2", "ann@example.com is:unknown,orphan",
    "to:ann* status:bounced", "domain:example.com ann*", "ann@ex* tag:autumn", "-to:ann* domain:example.com",
)  # fmt: skip


@pytest.mark.usefixtures("bounds")
def test_every_lead_finds_what_meets_the_conditions(access: Access) -> None:
    emails = list(Email.objects.all())
    for text in (*TERMS, *PAIRS):
        assert found(access, text) == expected(access, text, emails), text


def test_at_full_size_the_same_is_found_on_one_page(access: Access) -> None:
    emails = list(Email.objects.all())
    for text in (*TERMS, *PAIRS):
        assert found(access, text, limit=100) == expected(access, text, emails), text


@settings(max_examples=50)
@given(data=st.data())
def test_terms_together_find_what_meets_them_all(data: st.DataObject) -> None:
    source = Source.objects.filter(name="once").first()
    if source is None:
        source = make.source(make.account(retention_days=80))
        Source.objects.filter(id=source.id).update(name="once")
        emails_of(source)
    access = enter(make.member(source.account), source.account.slug)
    terms = data.draw(st.lists(st.tuples(st.sampled_from(["", "", "-"]), st.sampled_from(TERMS)), max_size=4))
    text = " ".join(sign + term for sign, term in terms)
    try:
        resolve(Filter.parse(text), access.account, LATER)
    except Unclear:
        return
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(search, name, value)
        patch.setattr(search, "FAR", data.draw(st.sampled_from([0, 2, 10**9])))
        patch.setattr(drivers, "MOST_ADDRESSES", data.draw(st.sampled_from([1, 3000])))
        assert found(access, text) == expected(access, text)


SOMEBODY, OTHERS = "ann@example.com", ("bob@example.com", "ann.lee@example.com")
RARE_LIVES = (*[((Kind.DELIVERED, {}),)] * 3, *LIVES[2:])


def many_of(source: Source) -> None:
    """Five hundred emails over three months, half of them to one address; what became of each is left to dice."""
    dice = random.Random(5)
    events = [
        make.event(
            kind, SOMEBODY if n % 2 else dice.choice(OTHERS), message_id=f"many{n}",
            occurred_at=NOON - timedelta(hours=n * 4, seconds=-second), name=f"{kind.name}{second}", **more,
        )
        for n in range(500)
        for second, (kind, more) in enumerate(dice.choice(RARE_LIVES))
    ]  # fmt: skip
    record([make.arrival(source, *events, received_at=NOON)])


@settings(max_examples=50)
@given(
    kinds=st.sets(st.sampled_from(["bounced", "dropped", "spam", "unsubscribed"]), min_size=1),
    recipient=st.sampled_from([SOMEBODY, *OTHERS, "ann*", "a*"]),
    deferred=st.booleans(),
    limit=st.sampled_from([1, 7, 50]),
    sizes=st.fixed_dictionaries(
        {name: st.sampled_from([1, 3, 40, 2_000]) for name in ("LEAST_SLICE", "TOGETHER_SLICE", "PROBE", "MANY_KEYS")}
    ),
)
def test_two_streams_of_ids_together_give_what_both_have(
    kinds: set[str], recipient: str, deferred: bool, limit: int, sizes: dict[str, int]
) -> None:
    source = Source.objects.filter(name="many").first()
    if source is None:
        source = make.source(make.account(retention_days=90))
        Source.objects.filter(id=source.id).update(name="many")
        many_of(source)
    access = enter(make.member(source.account), source.account.slug)
    hits = Email.objects.filter(account=source.account, status__in=[Kind[kind.upper()] for kind in kinds])
    hits = hits.filter(recipient__startswith=recipient.rstrip("*"))
    if deferred:
        hits = hits.filter(deferrals__gt=0)
    text = f"to:{recipient} status:{','.join(sorted(kinds))}{' event:deferred' if deferred else ''}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sizes.items():
            patch.setattr(search, name, value)
        assert found(access, text, limit) == list(hits.order_by("-id").values_list("id", flat=True))


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("status:bounced", 1), ("status:opened", 0), ("status:bounced,opened", 0), ("event:spam", 1), ("tag:vip", 1),
        ("id:m1", 1), ("arg:a1", 1), ("code:5.1.1", 1), ("code:5.*", 1), ("code:2.*", 0), ("is:orphan", 1),
        ("is:orphan,late", 0), ("is:retrying", 1), ("ann@example.com", 1), ("to:ann@example.com tag:vip", 2),
        ("is:held", 1), ("ann", 0), ("-tag:vip", 0), ("subject:order", 0), ("opens:>1", 0), ('reason:"On the list"', 1),
    ],
)  # fmt: skip
def test_exact_words_lead_and_negated_ones_never(access: Access, text: str, leads: int) -> None:
    wanted = resolve(Filter.parse(text), access.account, LATER)
    found = drivers.quick(wanted)
    assert len(found) == leads
    assert not any(isinstance(lead.condition, Not) for lead in found)


def test_addresses_that_stand_together_lead_before_those_that_must_be_searched_for() -> None:
    account = make.account()
    for text, near, further in (
        ("ann*", 1, 0), ("to:ann@ex*", 1, 0), ("domain:example.com", 1, 0), ("ann", 0, 1), ("to:*ann", 0, 1),
        ("an*n*", 0, 1), ("@example.com", 0, 1), ("to:*", 0, 0), ("-ann*", 0, 0), ("ann* domain:ann.test joann", 2, 1),
    ):  # fmt: skip
        wanted = resolve(Filter.parse(text), account, LATER)
        assert (len(drivers.near(wanted)), len(drivers.thorough(wanted))) == (near, further), text


def test_a_statement_that_takes_too_long_stops_the_search_and_nothing_else(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_wanted: object) -> list[drivers.Lead]:
        with connection.cursor() as cursor:
            cursor.execute("select pg_sleep(60)")
        return []

    monkeypatch.setattr(search, "STATEMENT_MS", 20)
    with monkeypatch.context() as patch:
        patch.setattr(drivers, "quick", endless)
        stopped = search.page(access, Filter.parse("ann"), LATER)
    assert (stopped.emails, stopped.back_to) == ([], LATER)
    assert stopped.older
    monkeypatch.setattr(search, "STATEMENT_MS", 2000)
    assert search.page(access, Filter.parse("ann"), LATER, before=stopped.older).emails
    monkeypatch.setattr(search, "ADDRESSES_MS", 20)
    monkeypatch.setattr(search, "LOOKS", (1,))
    monkeypatch.setattr(drivers, "thorough", endless)
    assert found(access, "ann") == expected(access, "ann")


def test_other_errors_of_the_database_are_not_hidden(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import ProgrammingError

    monkeypatch.setattr(search, "_IN_ARRAYS", "no such column")
    with pytest.raises(ProgrammingError):
        search.page(access, Filter.parse("tag:vip"), LATER)


def test_a_page_takes_few_statements(access: Access, django_assert_max_num_queries: Any) -> None:
    for text in ("", "ann", "tag:vip", "to:ann@example.com status:spam tag:vip"):
        with django_assert_max_num_queries(16):
            search.page(access, Filter.parse(text), LATER)


def test_events_alone_make_no_leads_of_others(access: Access) -> None:
    event: Event = make.event(Kind.SPAM, "late@x.test", message_id="late")
    account = make.account()
    record([make.arrival(make.source(account), event)])
    assert found(access, "status:spam") == expected(access, "status:spam")

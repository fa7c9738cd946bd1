"""What a filter means: in the database and in memory, which must be the same, and at the door."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account
from feeds.conditions import fold
from feeds.events import Bounce, Event, Held, Kind, Status
from feeds.lifecycle import record
from feeds.models import Email, id_at
from feeds.query import Filter, Unclear
from feeds.staging import FIRST_TIMES
from feeds.terms import Wanted, resolve
from tests import make
from tests.feeds import asking
from tests.make import NOON
from webhooks.models import Source

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)
ZONES = ("UTC", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Kiritimati")
REASONS = ("bob", "100%")

# Wilder than the lifecycle would ever leave them.
ADDRESSES = (
    "",
    "bob",
    "bobob",
    "oob",
    "bob@x.test",
    "a.b@x.test",
    "b@X.TEST.br",
    "100%@a_b",
    "b\\a@x",
    "İ@x.test",
    "a@b@x.test",
)
IDS = ("", "bob", "<bob>", "<a.b@x.test>", "a.b@x.test", "100%", "<İstanbul>")
MOMENTS = (0, -1, 1, -1800, -86400, -172800, *(-3600 * hours for hours in (2, 5, 7, 12, 26, 31, 36, 48, 52, 55, 57)))


def row(random: Random) -> dict[str, Any]:
    """The columns of an email. `reason_id` is a place in REASONS, or none."""

    def text(*usual: str) -> str:
        return random.choice(usual) if usual and random.random() < 0.6 else asking.word(random)

    def words() -> str:
        return " ".join(asking.word(random) for _ in range(random.randrange(3)))

    return {
        "at": NOON + timedelta(seconds=random.choice(MOMENTS)),
        "status": random.choice(Status.values), "bounce": random.choice(Bounce.values),
        "is_test": random.random() < 0.5, "is_late": random.random() < 0.5, "unknowns": random.randrange(2),
        "held": random.choice(Held.values),
        **{name: random.randrange(4) for name in ("opens", "clicks", "machine_opens", "machine_clicks", "deferrals")},
        "sender": text(*ADDRESSES).lower(), "recipient": text(*ADDRESSES).lower(),
        "subject": words(), "comment": words(), "argument": text(),
        "message_id": text(*IDS), "header_id": text(*IDS),
        "tags": [tag for tag in (text(), text()) if tag and random.random() < 0.6],
        "code": random.choice(["", "5.1", "5", *asking.CODES]),
        "reason_id": random.choice([None, *range(len(REASONS) + 1)]),
        **{column: random.choice([None, NOON]) for column in FIRST_TIMES.values()},
    }  # fmt: skip


def stored(account: Account, rows: list[dict[str, Any]]) -> None:
    source = make.source(account, "bob")
    with connection.cursor() as cursor:
        reasons = []
        for reason in REASONS:
            cursor.execute(
                "insert into feeds_reason (account_id, text) values (%s, %s) returning id", [account.pk, reason]
            )
            reasons.append(cursor.fetchone()[0])
    made = []
    for n, row in enumerate(rows):
        at, reason = row.pop("at"), row.pop("reason_id")
        made.append(
            Email(
                id=id_at(at) + next(_numbers), account=account, recipient_id=1, first_at=at, last_at=at, updated_at=at,
                source_id=source.pk + n % 2, reason_id=None if reason is None else [*reasons, 0][reason], **row,
            )
        )  # fmt: skip
    Email.objects.bulk_create(made)


def truth(wanted: Wanted) -> dict[int, list[bool | None]]:
    """What the database says of each email of the account: to all of it, and to each condition."""
    said = [wanted.sql(), *(condition.sql() for condition in wanted.conditions)]
    columns = ", ".join(text for text, _values in said)
    values = [value for _text, given in said for value in given]
    with connection.cursor() as cursor:
        cursor.execute(f"select id, {columns} from feeds_email where account_id = %s", [*values, wanted.account_id])
        return {row[0]: list(row[1:]) for row in cursor.fetchall()}


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), zone=st.sampled_from(ZONES))
def test_database_and_memory_agree_on_every_email(seed: int, zone: str) -> None:
    random = Random(seed)
    rows = [row(random) for _ in range(10)]
    with transaction.atomic():
        account = make.account(time_zone=zone, retention_days=4)
        stored(account, rows)
    held = list(Email.objects.filter(account=account))
    for query in (asking.query(random) for _ in range(60)):
        try:
            wanted = resolve(Filter.parse(query), account, NOON + timedelta(days=1))
        except Unclear:
            continue
        said = {email.id: [wanted.matches(email), *(c.matches(email) for c in wanted.conditions)] for email in held}
        assert truth(wanted) == said, query


def test_letters_are_folded_as_the_database_does_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            'select n, lower(chr(n) collate "pg_c_utf8") from generate_series(1, 1114111) n'
            " where n not between 55296 and 57343"
        )
        assert [(n, low) for n, low in cursor.fetchall() if fold(chr(n)) != low] == []
        cursor.execute("""select lower('ΑΣ ΑΣΑ İI' collate "pg_c_utf8")""")
        assert cursor.fetchone() == (fold("ΑΣ ΑΣΑ İI"),)


# ---- What each term finds -----------------------------------------------------------------------------------


@pytest.fixture
def account() -> Account:
    return make.account(time_zone="America/New_York")


@pytest.fixture
def client(account: Account) -> Client:
    client = Client()
    client.force_login(make.member(account))
    return client


def found(account: Account, query: str, now: datetime = NOON + timedelta(hours=1)) -> set[str]:
    """The local parts of the recipients of what is found in the database, and in memory."""
    wanted = resolve(Filter.parse(query), account, now)
    said = truth(wanted)
    emails = Email.objects.filter(account=account)
    assert {email.id: wanted.matches(email) for email in emails} == {n: answer[0] for n, answer in said.items()}
    return {email.recipient.partition("@")[0] for email in emails if said[email.id][0]}


def fill(account: Account) -> None:
    """Three emails, told by two sources."""

    def tell(source: Source, *events: Event, late: int = 0) -> None:
        record([make.arrival(source, *events, received_at=NOON + timedelta(minutes=late), is_test=late > 0)])

    postmark = Source.objects.create(account=account, provider="plain", name="Postmark, main")
    make.source(account)
    tell(
        postmark,
        make.event(
            Kind.DELIVERED, "ann@mail.test", message_id="<m-ann>", subject="Sua PROMOÇÃO", sender="shop@acme.test",
            tags=["welcome", "50% off"], argument="order-1", comment="250 OK", code="2.0.0",
        ),
        make.event(Kind.OPENED, "ann@mail.test", message_id="<m-ann>"),
        make.event(Kind.MACHINE_OPENED, "ann@mail.test", message_id="<m-ann>", event_id="x"),
    )  # fmt: skip
    tell(
        postmark,
        make.event(
            Kind.BOUNCED, "ben@mail.test", message_id="m-ben", sender="news@acme.test", bounce=Bounce.HARD,
            comment="550 5.1.10 Mailbox FULL", code="5.1.10",
        ),
        late=61,
    )  # fmt: skip
    tell(Source.objects.get(name="plain source"), make.event(Kind.DEFERRED, "cat@sub.mail.test", message_id=""))


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("mail", "ann ben cat"), ("shop", "ann"), ("-shop", "ben cat"), ("ben@mail.test", "ben"),
        ("ben@mail", "ben"), ("*@mail.test", "ann ben"), ("be*", "ben"), ("b*t", "ben"), ("ben mail", "ben"),
        ("ben*n*", ""), ("*.t*.test", ""), ("b*n@m*l.t*t", "ben"),
        ("to:shop", ""), ("from:shop", "ann"), ('from:""', "cat"), ("-from:shop@acme.test", "ben cat"),
        ("domain:mail.test", "ann ben"), ("-domain:mail.test", "cat"),
        ("subject:promoção", "ann"), ('subject:"a promo"', "ann"), ("-subject:promo", "ben cat"),
        ("tag:welcome", "ann"), ('tag:"50% off"', "ann"), ("tag:Welcome", ""), ('tag:""', "ben cat"),
        ("id:m-ann", "ann"), ("id:<m-ann>", "ann"), ("id:<m-ben>", "ben"), ("-id:m-ben", "ann cat"),
        ("arg:order-1", "ann"), ("arg:order", ""),
        ('source:"postmark, main"', "ann ben"), ("-source:POSTMARK,\\ main", None),
        ("status:opened,bounced", "ann ben"), ("-status:opened", "ben cat"),
        ("event:delivered", "ann"), ("event:deferred,machine_opened", "ann cat"), ("-event:delivered", "ben cat"),
        ("is:retrying", "cat"), ("is:machine", "ann"), ("is:orphan", "cat"), ("is:test", "ben"), ("is:late", "ben"),
        ("is:late,orphan", "ben cat"), ("is:held", ""), ("-is:held", "ann ben cat"), ("is:unknown", ""),
        ('comment:"mailbox full"', "ben"), ("comment:550", "ben"), ('comment:""', "cat"),
        ("code:5.1.10", "ben"), ("code:5.1.1", ""), ("code:5.1.*", "ben"), ("code:5.*", "ben"), ("code:2", "ann"),
        ('reason:"550 5.1.10 Mailbox FULL"', "ben"), ("reason:other", ""), ("-reason:other", "ann ben cat"),
        ("opens:>0", "ann"), ("opens:0", "ben cat"), ("clicks:<=0 opens:<1", "ben cat"),
        ("since:1d", "ann ben cat"), ("since:30m", ""), ("-since:30m", "ann ben cat"),
        ("after:2026-03-10", "ann ben cat"), ("before:2026-03-10", ""), ("after:2026-03-10T08:00", "ann ben cat"),
        ("after:2026-03-10T08:01", ""), ("-after:2026-03-10T08:01", "ann ben cat"), ("-before:2026-03-10T08:01", ""),
        ("after:0001-01-01", "ann ben cat"), ("before:9999-12-31T23:59:59", "ann ben cat"),
        ("since:99999w", "ann ben cat"), ("after:9999-12-31", ""), ("before:0001-01-01T00:00+14:00", ""),
    ],
)  # fmt: skip
def test_each_term_finds_what_it_says(account: Account, query: str, hits: str | None) -> None:
    fill(account)
    if hits is None:
        with pytest.raises(Unclear):
            found(account, query)
    else:
        assert found(account, query) == set(hits.split())


def test_our_own_id_finds_the_email(account: Account) -> None:
    fill(account)
    email = Email.objects.get(recipient="ben@mail.test")
    assert found(account, f"id:{email.pk}") == {"ben"}
    assert found(account, f"id:{2**63}") == set()


def test_days_have_23_or_25_hours_where_the_clock_is_changed(account: Account) -> None:
    account.retention_days = 3650
    now = datetime(2026, 12, 1, tzinfo=UTC)
    for day, following, hours in (("2026-03-08", "2026-03-09", 23), ("2026-11-01", "2026-11-02", 25)):
        wanted = resolve(Filter.parse(f"after:{day} before:{following}"), account, now)
        assert (wanted.high - wanted.low) >> 20 == hours * 3_600_000


def test_a_source_there_is_none_of_is_said_with_those_there_are(account: Account) -> None:
    with pytest.raises(Unclear, match="“x” is no source: this account has none yet"):
        resolve(Filter.parse("source:x"), account, NOON)
    fill(account)
    with pytest.raises(Unclear, match="Sources are: plain source, Postmark, main") as unclear:
        resolve(Filter.parse("bob source:x"), account, NOON)
    assert (unclear.value.start, unclear.value.end) == (4, 12)


@pytest.mark.parametrize("query", ["since:1d before:2026-03-01", "after:2026-03-10T09:00 before:2026-03-10T12:00Z"])
def test_times_with_nothing_between_them_are_said(account: Account, query: str) -> None:
    with pytest.raises(Unclear, match="No time is left between"):
        resolve(Filter.parse(query), account, NOON)


def test_what_cannot_change_is_told_apart(account: Account) -> None:
    wanted = resolve(Filter.parse("bob to:bob -domain:x.test from:a is:orphan is:late status:sent"), account, NOON)
    assert [c.can_change for c in wanted.conditions] == [True, False, False, True, False, True, True]
    assert len(wanted.settled().conditions) == 3


# ---- At the door --------------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(texts=st.lists(asking.scrawls.map(lambda text: text.encode(errors="replace").decode()), min_size=4, max_size=8))
def test_the_page_answers_whatever_is_typed(texts: list[str]) -> None:
    account = make.account(time_zone="Asia/Kolkata")
    at = timezone.now() - timedelta(minutes=1)
    record([make.arrival(make.source(account), make.event(occurred_at=at), received_at=at)])
    client = Client()
    client.force_login(make.member(account))
    for text in texts:
        response = client.get(f"/a/{account.slug}/", {"q": text}, follow=True)  # to the same, written tidily
        assert response.status_code == (400 if response.context["mistake"] else 200)
        download = client.get(f"/a/{account.slug}/feed.csv", {"q": text})
        assert download.status_code == (302 if response.context["mistake"] else 200)
        assert bool(b"".join(download)) == (download.status_code == 200)


def test_a_mistake_is_shown_with_what_was_typed(client: Client, account: Account) -> None:
    response = client.get(f"/a/{account.slug}/", {"q": 'statis:"<b>"'})
    assert response.status_code == 400
    page = response.content.decode()
    assert "“statis:” is no key. Did you mean “status:”?" in page
    assert 'value="statis:&quot;&lt;b&gt;&quot;"' in page

"""What the measurements stand on: a seeded database is the one that the lifecycle would have written."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from bench import people, seed
from feeds.events import Arrival, Bounce, Event, Kind
from feeds.lifecycle import record
from feeds.models import Email, StoredEvent

if TYPE_CHECKING:
    from webhooks.models import Source

pytestmark = pytest.mark.django_db
EMAILS = 2000

SAME = {
    "emails": """
        select id >> 20, message_id, recipient, sender, r.addr, s.addr, first_at, last_at, opens, clicks, machine_opens,
            machine_clicks, deferrals, unknowns, status, bounce, is_test, is_late, subject, argument, header_id, code,
            comment, tags, comment_at, comment_key >> 58, q.text, processed_at, sent_at, delivered_at, bounced_at,
            opened_at, clicked_at, unsubscribed_at, spam_at, dropped_at, deferred_at, machine_opened_at,
            machine_clicked_at
        from feeds_email e join (select id as n, addr from feeds_address) r on r.n = recipient_id
        left join (select id as n, addr from feeds_address) s on s.n = sender_id
        left join (select id as n, text from feeds_reason) q on q.n = reason_id
        where account_id = %s order by 1, 2, 3""",
    "rollups": "select starts_at, kind, events, emails from feeds_rollup where account_id = %s order by 1, 2",
    "cohorts": "select * from (select to_jsonb(c) - 'account_id' as c from feeds_cohort c where account_id = %s) x"
    " order by c ->> 'starts_at'",
    "days": """
        select dimension, case dimension when 1 then (select addr from feeds_address where id = value)
            when 2 then (select name from feeds_domain where id = value)
            else (select text from feeds_reason where id = value) end as named, day,
            to_jsonb(d) - 'account_id' - 'value' from feeds_day d where account_id = %s order by 1, 2 nulls first, 3""",
    "tags": """
        select t.name, e.message_id from feeds_tagged x
        join feeds_tag t on t.id = x.tag_id and t.account_id = x.account_id
        join feeds_email e on e.id = x.email_id where x.account_id = %s order by 1, 2""",
    "names of tags": "select name from feeds_tag where account_id = %s order by 1",
    "suppressions": "select target, reason, since from suppression_suppression where account_id = %s order by 1, 2",
    "hours of sources": "select starts_at, events, duplicates, late_ms from feeds_source_hour h"
    " join webhooks_source s on s.id = h.source_id where s.account_id = %s and events > 0 order by 1",
}


@pytest.fixture
def seeded() -> list[Source]:
    sources = seed.make_sources(seed.THREE)
    with connection.cursor() as cursor:
        words = seed.prepare(cursor, EMAILS, sources, seed.THREE)
        indexes = seed.drop_indexes(cursor)
        seed.fill(cursor, words, 0, EMAILS // 2)
        seed.fill(cursor, words, EMAILS // 2, EMAILS)
        for statement in [one for statements in indexes.values() for one in statements]:
            cursor.execute(statement)
        seed.finish(cursor)
    return sources


def told(source: Source) -> list[tuple[Any, bool, Event]]:
    """The events that this source's emails were made of, as they might have come."""
    emails = {email.id: email for email in Email.objects.filter(source_id=source.id)}
    return [
        (
            row.received_at,
            (email := emails[row.email_id]).is_test,
            Event(
                Kind(row.kind), email.message_id, email.recipient, row.occurred_at,
                name=row.name, sender=email.sender, subject=email.subject, tags=email.tags, argument=email.argument,
                header_id=email.header_id, comment=row.comment, code=row.code, bounce=Bounce(row.bounce), url=row.url,
                ip=row.ip, user_agent=row.user_agent,
            ),
        )
        for row in StoredEvent.objects.filter(source_id=source.id)
    ]  # fmt: skip


def same(name: str, account_id: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(SAME[name], [account_id])
        return list(cursor.fetchall())


def test_it_is_what_the_lifecycle_writes_of_the_same_events(seeded: list[Source]) -> None:
    for source, other in zip(seeded, seed.make_sources(seed.THREE), strict=True):
        requests: dict[tuple[Any, bool], list[Event]] = defaultdict(list)
        for received_at, is_test, event in told(source):
            requests[received_at, is_test].append(event)
        arrivals = [
            Arrival(other.account_id, other.id, received_at, events, is_test=is_test)
            for (received_at, is_test), events in requests.items()
        ]
        random.Random(7).shuffle(arrivals)
        record(arrivals)
        for name in SAME:
            assert same(name, source.account_id) == same(name, other.account_id), name


def test_later_events_find_their_emails(seeded: list[Source]) -> None:
    email = Email.objects.filter(account=seeded[0].account_id).exclude(message_id="").latest("id")
    event = Event(Kind.CLICKED, email.message_id, email.recipient, email.last_at, name="once more")
    record([Arrival(email.account_id, email.source_id, email.last_at, [event])])
    assert Email.objects.count() == EMAILS
    assert Email.objects.get(id=email.id).clicks == email.clicks + 1


def indexes() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select indexdef from pg_indexes where schemaname = 'public' order by 1")
        return [definition for (definition,) in cursor]


def test_the_indexes_are_there_again() -> None:
    before = indexes()
    with connection.cursor() as cursor:
        dropped = seed.drop_indexes(cursor)
        assert len(indexes()) < len(before)
        for statement in [one for statements in dropped.values() for one in statements]:
            cursor.execute(statement)
    assert indexes() == before


def test_addresses_are_the_same_in_python_and_in_sql(seeded: list[Source]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select addr from feeds_address where account_id = %s order by id", [seeded[0].account_id])
        addresses = [addr for (addr,) in cursor]
    recipients = len(addresses) - len(people.SENDERS)
    assert addresses[:recipients] == [people.recipient(n) for n in range(recipients)]
    assert addresses[recipients:] == [people.sender(n) for n in range(len(people.SENDERS))]

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from feeds import inbox, partitions
from feeds.inbox import Incoming
from feeds.lifecycle import record
from feeds.models import Email, InboxDue, InboxRow, StoredEvent
from tests import make

pytestmark = pytest.mark.django_db
FAR = datetime(2031, 7, 15, tzinfo=UTC)


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        return int(cursor.fetchone()[0])


def test_the_months_around_now_are_made_once() -> None:
    made = partitions.make(FAR)
    assert sorted(made) == sorted(f"{t}_2031{m}" for t in partitions.TABLES for m in ("06", "07", "08", "09"))
    assert partitions.make(FAR) == []


def test_what_came_while_a_month_was_missing_is_kept_and_moves_to_its_month() -> None:
    source = make.source(make.account())
    record([make.arrival(source, make.event(occurred_at=FAR), received_at=FAR)])
    assert rows_in("feeds_email_default") == 1
    partitions.make(FAR)
    assert (rows_in("feeds_email_default"), rows_in("feeds_email_203107"), rows_in("feeds_event_203107")) == (0, 1, 1)
    assert Email.objects.get().recipient == "bob@example.com"


def test_a_month_is_dropped_when_no_account_keeps_it_any_more() -> None:
    source = make.source(make.account(retention_days=30))
    make.account(retention_days=90)
    partitions.make(FAR)
    record([make.arrival(source, make.event(occurred_at=FAR), received_at=FAR)])
    end_of_july = datetime(2031, 8, 1, tzinfo=UTC)
    partitions.drop_expired(end_of_july + timedelta(days=89))
    assert Email.objects.count() == 1
    gone = partitions.drop_expired(end_of_july + timedelta(days=91))
    assert {"feeds_email_203107", "feeds_event_203107"} <= set(gone)
    assert (Email.objects.count(), StoredEvent.objects.count(), rows_in("feeds_message_key")) == (0, 0, 0)
    assert record([make.arrival(source, make.event(occurred_at=FAR), received_at=FAR)]).new == 1


def test_a_request_that_was_never_read_survives_its_month() -> None:
    source = make.source(make.account())
    partitions.make(FAR)
    ids = [
        inbox.store(Incoming(source.account_id, source.id, "nobody reads this", FAR, "", {}, body))
        for body in (b"read", b"unread")
    ]
    InboxDue.objects.filter(inbox_id=ids[0]).delete()
    assert "feeds_inbox_203107" in partitions.drop_expired(FAR + timedelta(days=60))
    assert bytes(InboxRow.objects.get().body) == b"unread"

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from delivery import retention, tasks
from delivery.accept import Idempotency, accept
from delivery.models import Answered, Attachment, Message, Outgoing
from delivery.orders import Attached
from settings.schedule import SCHEDULE
from tests import make

pytestmark = pytest.mark.django_db
NOW = make.NOON
FILE = Attached("a.txt", "text/plain", b"secret")


def handed_in(account: Account | None = None, **fields: Any) -> Message:
    account = account or make.account()
    make.sender_domain(account)
    uid = accept(make.order(attachments=[FILE]), account, fields.pop("now", NOW), **fields).uid
    return Message.objects.get(uid=uid)


def sent() -> None:
    """Nothing is left to try."""
    Outgoing.objects.all().delete()


def has_content(message: Message) -> bool:
    message.refresh_from_db()
    kept = {message.parts is not None, message.attachments.exists()}
    assert len(kept) == 1
    return kept.pop()


def test_content_goes_when_its_days_are_over_and_the_message_stays() -> None:
    message = handed_in()
    sent()
    retention.clear_content(NOW + timedelta(days=12, seconds=-1))
    assert has_content(message)
    retention.clear_content(NOW + timedelta(days=12))
    assert not has_content(message)
    assert message.subject == "Hello"


def test_an_account_may_keep_content_for_longer_or_not_at_all() -> None:
    none, year = (handed_in(make.account(content_days=days)) for days in (0, 365))
    retention.clear_content(NOW)
    assert has_content(none)  # it is still to be sent
    sent()
    retention.clear_content(NOW + timedelta(minutes=4))
    assert has_content(none)
    retention.clear_content(NOW + timedelta(minutes=5))
    assert not has_content(none)
    retention.clear_content(NOW + timedelta(days=300))
    assert has_content(year)


def test_content_that_is_still_to_be_sent_stays_however_old() -> None:
    message = handed_in()
    for days in (12, 40, 400):
        retention.clear_content(NOW + timedelta(days=days))
        assert has_content(message)
    sent()
    retention.clear_content(NOW + timedelta(days=800))
    assert not has_content(message)


def test_a_whole_message_goes_as_well() -> None:
    account = make.account()
    make.sender_domain(account)
    accept(make.order(raw=b"Subject: x\r\n\r\n"), account, NOW)
    sent()
    retention.clear_content(NOW + timedelta(days=12))
    assert Message.objects.get().raw is None


def test_what_was_emptied_is_not_looked_at_again() -> None:
    handed_in()
    sent()
    assert [retention.clear_content(NOW + timedelta(days=12)) for _n in range(2)] == [1, 0]


def test_messages_go_with_the_retention_of_their_account() -> None:
    short, long = handed_in(make.account(retention_days=10)), handed_in(make.account(retention_days=100))
    assert retention.forget_messages(NOW + timedelta(days=11)) == 0  # both are still to be sent
    sent()
    assert retention.forget_messages(NOW + timedelta(days=10)) == 0
    assert retention.forget_messages(NOW + timedelta(days=10, seconds=1)) == 1
    assert Message.objects.get() == long
    assert not Attachment.objects.filter(message_id=short.id).exists()


def test_the_messages_of_an_account_that_was_deleted_go() -> None:
    message = handed_in()
    sent()
    Account.objects.filter(id=message.account_id).delete()
    assert retention.forget_messages(NOW + timedelta(seconds=1)) == 1


def test_all_of_it_goes_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make.account()
    make.sender_domain(account)
    for n in range(7):
        accept(make.order(), account, NOW, Idempotency(str(n), "d" * 64))
    sent()
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "BATCHES", 3)
    late = NOW + timedelta(days=200)
    for job in (retention.clear_content, retention.forget_messages, retention.forget_answers):
        assert [job(late), job(late), job(late)] == [6, 1, 0]


def test_answers_are_remembered_for_two_days() -> None:
    handed_in(idempotency=Idempotency("k", "d" * 64))
    assert retention.forget_answers(NOW + timedelta(days=2)) == 0
    assert retention.forget_answers(NOW + timedelta(days=2, seconds=1)) == 1
    assert not Answered.objects.exists()


def test_what_does_it_is_on_the_schedule() -> None:
    message = handed_in(make.account(content_days=0), now=timezone.now())
    sent()
    for name in ("delivery.clear_content", "delivery.forget_messages"):
        getattr(tasks, SCHEDULE[name]["task"].rpartition(".")[2])()
    assert not has_content(message)


def test_looking_costs_no_more_with_more_messages() -> None:
    account = make.account()
    make.sender_domain(account)
    for _n in range(20):
        accept(make.order(), account, NOW)
    with CaptureQueriesContext(connection) as told:
        retention.clear_content(NOW)
        retention.forget_messages(NOW)
        retention.forget_answers(NOW)
    assert len(told) == 4

"""What is claimed of the queue, and what becomes of it when who claimed it is gone."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Account
from delivery import contents, deliver, errands, queue, roster, routes
from delivery.compose import ContentGone
from delivery.models import Attempt, Lane, Mailer, Message, Outgoing, Verdict
from delivery.queue import START, Pair
from feeds.events import Status
from tests import make
from tests.delivery.engine import email, place

pytestmark = pytest.mark.django_db

FILL = """
insert into delivery_outgoing (email_id, account_id, message_id, message_uid, recipient, domain, recipient_name,
    recipient_group, held, accepted_at, next_attempt_at, expires_at, attempts, is_paid, interrupted, code, reply)
select n, %s, 1, n, 'p' || n || '@' || %s, %s, '', 0, 0, now(), now() - interval '1 hour', now() + interval '5 days', 0,
    false, false, '', ''
from generate_series(%s::bigint, %s::bigint) n
"""
HUGE = 100_000


@pytest.fixture
def account() -> Account:
    account = make.account()
    make.sender_domain(account)
    return account


def fill(account: Account, domain: str, first: int, last: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [account.id, domain, domain, first, last])


def claimed(account: Account, wanted: dict[str, int], mailer_id: int = 1) -> Counter[str]:
    pairs = [(Pair(account.id, domain), n) for domain, n in wanted.items()]
    return Counter(row.domain for row in queue.claim(pairs, mailer_id, timezone.now()))


def pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def explained(sql: str, told: dict[str, Any]) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, buffers, format json) {sql}", told)
        (found,) = cursor.fetchone()
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def test_a_huge_pile_for_one_domain_costs_a_look_no_more_than_one_email(account: Account) -> None:
    fill(account, "huge.test", 1, HUGE)
    fill(account, "small.test", HUGE + 1, HUGE + 3)
    fill(account, "zebra.test", HUGE + 4, HUGE + 4)
    with connection.cursor() as cursor:
        cursor.execute("analyze delivery_outgoing")
    plan = explained(queue.WALK, {"account": 0, "domain": "", "slice": 500})
    assert plan["Actual Rows"] == 3
    assert pages(plan) < 100
    told = {"accounts": [account.id], "domains": ["huge.test"], "limits": [20], "mailer": 1, "now": timezone.now()}
    assert pages(explained(queue.CLAIM, told)) < 600
    found = queue.look(START, timezone.now())
    assert [pair.domain for pair in found.pairs] == ["huge.test", "small.test", "zebra.test"]
    assert claimed(account, {"huge.test": 20, "small.test": 20}) == {"huge.test": 20, "small.test": 3}


def test_looks_go_round_slice_by_slice(account: Account) -> None:
    for n in range(5):
        fill(account, f"d{n}.test", n + 1, n + 1)
    now = timezone.now()
    first = queue.look(START, now, 2)
    second = queue.look(first.after, now, 2)
    third = queue.look(second.after, now, 2)
    assert [p.domain for look in (first, second, third) for p in look.pairs] == [f"d{n}.test" for n in range(5)]
    assert third.after == START


def test_what_is_not_due_held_or_claimed_is_passed_over(account: Account) -> None:
    fill(account, "a.test", 1, 4)
    now = timezone.now()
    Outgoing.objects.filter(email_id=1).update(next_attempt_at=now + timedelta(minutes=1))
    Outgoing.objects.filter(email_id=2).update(held=1)
    Outgoing.objects.filter(email_id=3).update(claimed_by=7)
    assert claimed(account, {"a.test": 10}) == {"a.test": 1}
    assert queue.look(START, now).pairs == []
    assert [pair.domain for pair in queue.look(START, now + timedelta(hours=1)).pairs] == ["a.test"]


def test_what_is_given_back_is_due_again_not_before_its_moment(account: Account) -> None:
    fill(account, "a.test", 1, 2)
    later = timezone.now() + timedelta(minutes=1)
    claimed(account, {"a.test": 2})
    queue.release({1: later, 2: timezone.now() - timedelta(days=1)}, mailer_id=1)
    assert claimed(account, {"a.test": 2}) == {"a.test": 1}
    assert Outgoing.objects.get(email_id=1).next_attempt_at == later


def test_what_cannot_be_made_ready_is_not_left_claimed(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    place(account, "bob@example.com")

    def break_off(_ids: Any) -> Any:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(contents, "of", break_off)
    with pytest.raises(OperationalError):
        deliver.claim([(Pair(account.id, "example.com"), 1)], 1, routes.Book(), timezone.now())
    assert Outgoing.objects.get().claimed_by is None


def test_an_email_whose_message_is_gone_holds_up_no_others(account: Account) -> None:
    gone = place(account, "bob@example.com")
    place(account, "ann@example.com")
    Message.objects.filter(uid=gone.uid).delete()
    jobs = deliver.claim([(Pair(account.id, "example.com"), 9)], 1, routes.Book(), timezone.now())
    bob, ann = sorted(jobs, key=lambda job: job.outgoing.recipient, reverse=True)
    assert deliver.compose(ann).recipient == "ann@example.com"
    with pytest.raises(ContentGone):
        deliver.compose(bob)


class TestADeadMailer:
    @pytest.fixture
    def dead(self, account: Account) -> int:
        """It has claimed what is in the queue, and does not beat any more."""
        place(account, "sent@example.com", "begun@example.com", "waiting@example.com", "refused@example.com")
        mailer_id = roster.register(3)
        Mailer.objects.filter(id=mailer_id).update(beat_at=timezone.now() - timedelta(seconds=20))
        Outgoing.objects.update(claimed_by=mailer_id)
        return mailer_id

    def tried(self, recipient: str, **fields: Any) -> None:
        told: dict[str, Any] = {
            "number": 1, "started_at": timezone.now(), "took_ms": 5, "verdict": Verdict.DELIVERED, "final": True,
            "reply": "250 2.0.0 OK", "email_id": email(recipient).id, "account_id": email(recipient).account_id,
        }  # fmt: skip
        Attempt.objects.create(**told | fields)

    def test_who_leaves_leaves_no_email_to_be_sent_twice(self, account: Account, dead: int) -> None:
        self.tried("sent@example.com")
        roster.leave(dead)
        again = deliver.claim([(Pair(account.id, "example.com"), 10)], 7, routes.Book(), timezone.now())
        assert {job.outgoing.recipient.partition("@")[0] for job in again} == {"begun", "waiting", "refused"}
        assert email("sent@example.com").status == Status.DELIVERED

    def test_what_it_sent_is_settled_and_the_rest_is_free(self, account: Account, dead: int) -> None:
        self.tried("sent@example.com")
        self.tried("refused@example.com", verdict=Verdict.SOFT, final=False, reply="452 4.2.2 Full")
        Lane.objects.filter(mailer=dead, number=1).update(email_id=email("begun@example.com").id)

        assert roster.bury(timezone.now()) == 1

        assert email("sent@example.com").status == Status.DELIVERED
        rows = {row.recipient: row for row in Outgoing.objects.all()}
        assert {name: (row.claimed_by, row.attempts, row.interrupted) for name, row in rows.items()} == {
            "begun@example.com": (None, 0, True),
            "waiting@example.com": (None, 0, False),
            "refused@example.com": (None, 1, False),
        }
        assert rows["refused@example.com"].next_attempt_at > timezone.now() + timedelta(minutes=4)
        assert not Mailer.objects.exists()
        assert roster.bury(timezone.now()) == 0

    def test_one_that_beats_is_left_alone(self, dead: int) -> None:
        assert roster.beat(dead) == 1
        assert roster.bury(timezone.now()) == 0
        assert Outgoing.objects.filter(claimed_by=dead).count() == 4

    def test_one_that_was_given_up_is_told_so(self, dead: int) -> None:
        roster.bury(timezone.now())
        assert roster.beat(dead) == 0

    def test_what_it_sent_after_it_was_given_up_is_not_sent_again(self, account: Account, dead: int) -> None:
        Lane.objects.filter(mailer=dead, number=0).update(email_id=email("begun@example.com").id)
        roster.bury(timezone.now())
        self.tried("begun@example.com")

        other = roster.register(3)
        jobs = deliver.claim([(Pair(account.id, "example.com"), 10)], other, routes.Book(), timezone.now())

        assert len(jobs) == 3
        assert email("begun@example.com").status == Status.DELIVERED
        assert not Outgoing.objects.filter(recipient="begun@example.com").exists()


def test_what_an_account_has_in_the_queue_is_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute(f"explain {errands.QUEUED}", [7, 2**62, 1000])
        plan = "\n".join(line for (line,) in cursor)
    assert "delivery_outgoing_newest" in plan
    assert "Filter" not in plan
    assert "Sort" not in plan

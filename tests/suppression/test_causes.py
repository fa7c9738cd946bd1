"""What is on the list does not depend on the order, the grouping or the repetition of what is told."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Account
from suppression import causes, expiring, removing, tallies, targets
from suppression.models import Cause, How, Origin, Reason, Removal, Removed, Suppression, Tally
from tests import make
from tests.make import NOON

FIELDS = ("account_id", "target", "covers", "domain", "reason", "origin", "since", "until", "added_at")
OF_CAUSE = (
    "suppression__target", "suppression__reason", "ident", "origin", "at", "until", "added_at", "note", "actor_name",
)  # fmt: skip


def rows() -> tuple[list[Any], list[Any]]:
    """All that is on the lists, without what only numbers it."""
    return (
        sorted(Suppression.objects.values_list(*FIELDS), key=repr),
        sorted(Cause.objects.values_list(*OF_CAUSE), key=repr),
    )


@st.composite
def told(draw: Any) -> list[dict[str, Any]]:
    """Causes of few entries, many of which meet. A fact has one ident for each that says it, whatever it says."""
    found = []
    for n in range(draw(st.integers(1, 8))):
        origin = draw(st.sampled_from(Origin))
        minutes = st.integers(0, 3)
        later = draw(st.one_of(st.none(), st.integers(1, 3)))
        at = NOON + timedelta(minutes=draw(minutes))
        found.append({
            "target": targets.read(draw(st.sampled_from(["a@example.com", "b@example.com", "*@example.com"]))),
            "reason": draw(st.sampled_from([Reason.SPAM, Reason.MANUAL])), "origin": origin,
            "ident": f"{origin.name[0].lower()}{draw(st.integers(1, 2))}", "at": at,
            "until": later and NOON + timedelta(days=later), "added_at": NOON + timedelta(minutes=draw(minutes)),
            # Only people say the same in other words.
            "note": f"note {n}" if origin in causes.WORDS else "",
            "actor_name": f"somebody {n}" if origin in causes.WORDS else "",
        })  # fmt: skip
    return found


@contextmanager
def forgotten() -> Iterator[Account]:
    """An account of which nothing is left afterwards: all examples of a property share one test."""
    with transaction.atomic():
        yield make.account()
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=60)
@given(told(), st.randoms(use_true_random=False))
def test_any_order_grouping_and_repetition_gives_the_same_rows(
    facts: list[dict[str, Any]], chance: random.Random
) -> None:
    with forgotten() as account:
        given_ = [causes.Cause(account_id=account.id, **fact) for fact in facts]
        with transaction.atomic():
            causes.add(given_)
            once = rows()
            transaction.set_rollback(True)
        told = given_ + chance.choices(given_, k=len(given_))
        chance.shuffle(told)
        while told:
            n = chance.randint(1, len(told))
            group, told = told[:n], told[n:]
            causes.add(group)
        assert rows() == once


@pytest.mark.django_db
@settings(max_examples=60)
@given(told(), st.randoms(use_true_random=False))
def test_what_is_taken_off_and_put_back_leaves_the_list_as_it_was(
    facts: list[dict[str, Any]], chance: random.Random
) -> None:
    with forgotten() as account:
        causes.add(causes.Cause(account_id=account.id, **fact) for fact in facts)
        before = rows()
        removals: list[Removal] = []
        origins = chance.sample(list(Origin), 2)
        for n, origin in enumerate(origins, 1):
            removal = removing.begin(account.id, How.UNDO)
            entries = list(Suppression.objects.values_list("id", flat=True))
            removing.take_off(removal, entries, Q(origin=origin))
            removals.append(removal)
            left = rows()
            # What is left reads as if nothing else had ever been told.
            with transaction.atomic():
                Suppression.objects.all().delete()
                kept = [fact for fact in facts if fact["origin"] not in origins[:n]]
                causes.add(causes.Cause(account_id=account.id, **fact) for fact in kept)
                assert rows() == left
                transaction.set_rollback(True)
        chance.shuffle(removals)
        for removal in (*removals, *removals):
            while removing.restore(removal):
                pass
        assert rows() == before
        counted = Tally.objects.filter(account=account).aggregate(n=Sum("added") - Sum("removed"))["n"]
        assert counted == Suppression.objects.count()


# ---- Several at once ---------------------------------------------------------------------------------------


def at_once(*jobs: Any) -> None:
    """Run each in a thread of its own with a connection of its own; the first failure is raised."""
    failed: list[BaseException] = []
    start = threading.Barrier(len(jobs))

    def run(job: Any) -> None:
        try:
            start.wait(20)
            job()
        except Exception as error:  # noqa: BLE001  # raised below
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for error in failed:
        raise error


@pytest.mark.django_db(transaction=True)
def test_those_who_add_and_take_off_at_once_lose_nothing() -> None:
    account = make.account()
    addresses = [f"r{n}@example.com" for n in range(12)]

    def add(number: int) -> Any:
        def job() -> None:
            chance = random.Random(number)
            for n in range(25):
                causes.add([
                    causes.of_event(account.id, address, Reason.HARD_BOUNCE, NOON, number, n, source_id=1)
                    for address in chance.sample(addresses, 6)
                ])  # fmt: skip

        return job

    def take() -> None:
        for _n in range(25):
            ids = list(Suppression.objects.values_list("id", flat=True))
            random.Random(len(ids)).shuffle(ids)
            removing.take_off(removing.begin(account.id, How.PERSON), ids[:6])

    at_once(add(1), add(2), add(3), take, take)
    # Whatever came first: each cause that was ever told is on the list or among what was taken off.
    kept = {(entry.target, cause.ident) for entry in Suppression.objects.all() for cause in entry.causes.all()}
    gone = {(row.target, cause["ident"]) for row in Removed.objects.all() for cause in row.causes}
    every = set()
    for number in (1, 2, 3):
        chance = random.Random(number)
        for n in range(25):
            every |= {(address, f"e{number}.{n}") for address in chance.sample(addresses, 6)}
    assert kept | gone == every
    assert not Suppression.objects.filter(causes=None).exists()
    counted = Tally.objects.aggregate(n=Sum("added") - Sum("removed"))["n"]
    assert counted == Suppression.objects.count()
    tallies.fold(timezone.now())
    assert Tally.objects.count() <= 2
    assert Tally.objects.aggregate(n=Sum("added") - Sum("removed"))["n"] == counted


@pytest.mark.django_db(transaction=True)
def test_two_who_restore_at_once_put_back_once() -> None:
    account = make.account()
    for n in range(30):
        make.suppression(account, f"r{n}@example.com")
    removal = removing.begin(account.id, How.UNDO)
    removing.take_off(removal, list(Suppression.objects.values_list("id", flat=True)))
    put: list[int] = []
    at_once(*[lambda: put.append(removing.restore(removal)) for _n in range(3)])
    assert sorted(put) == [0, 0, 30]
    assert (Suppression.objects.count(), Cause.objects.count()) == (30, 30)


@pytest.mark.django_db(transaction=True)
def test_a_cause_that_comes_while_its_entry_goes_makes_it_anew() -> None:
    account = make.account()
    entry = make.suppression(account)
    told = causes.of_event(account.id, entry.target, Reason.MANUAL, NOON, 1, 1, source_id=1)

    def add() -> None:
        causes.add([told])
        connections.close_all()

    with transaction.atomic():
        removing.take_off(removing.begin(account.id, How.PERSON), [entry.id])
        thread = threading.Thread(target=add)
        thread.start()
        with connection.cursor() as cursor:
            waiting = "select count(*) from pg_locks where not granted"
            while cursor.execute(waiting) and cursor.fetchone() == (0,):
                pass
    thread.join(20)
    assert [cause.ident for cause in Suppression.objects.get().causes.all()] == ["e1.1"]


# ---- What is kept of it ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_who_and_what_is_gone_leaves_what_was_written_of_it() -> None:
    account = make.account()
    person = make.member(account, "ann")
    entry = make.suppression(account, user_id=person.id, actor_name="ann", ident=f"u{person.id}")
    removal = removing.begin(account.id, How.PERSON, person, "a mistake")
    removing.take_off(removal, [entry.id])
    person.delete()
    removal.refresh_from_db()
    assert (removal.user, removal.actor_name, removal.note) == (None, "ann", "a mistake")
    assert removing.restore(removal) == 1
    cause = Cause.objects.get()
    assert (cause.user, cause.actor_name, cause.at) == (None, "ann", NOON)
    account.delete()
    assert [model.objects.count() for model in (Suppression, Cause, Removal, Removed, Tally)] == [0] * 5


@pytest.mark.django_db
def test_a_removal_takes_nothing_off_the_list_of_another_account() -> None:
    ours, theirs, everywhere = (make.suppression(account) for account in (make.account(), make.account(), None))
    removal = removing.begin(ours.account_id, How.PERSON)
    assert removing.take_off(removal, [ours.id, theirs.id, everywhere.id]) == 1
    assert set(Suppression.objects.all()) == {theirs, everywhere}
    assert removing.take_off(removing.begin(None, How.PERSON), [theirs.id, everywhere.id]) == 1
    assert Suppression.objects.get() == theirs


@pytest.mark.django_db
def test_the_last_word_of_a_person_holds_and_it_is_there_since_the_first() -> None:
    account = make.account()
    said: dict[str, Any] = {"ident": "u1", "origin": Origin.PERSON}
    make.suppression(account, **said, note="first", added_at=NOON)
    entry = make.suppression(
        account, **said, note="then", at=NOON + timedelta(days=1), until=NOON + timedelta(days=9),
        added_at=NOON + timedelta(days=1),
    )  # fmt: skip
    cause = entry.causes.get()
    assert (cause.note, cause.at, cause.added_at) == ("then", NOON + timedelta(days=1), NOON)
    assert (entry.since, entry.until, entry.added_at) == (cause.at, NOON + timedelta(days=9), NOON)


@pytest.mark.django_db
def test_a_list_has_no_more_patterns_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "MOST_PATTERNS", 2)
    account, other = make.account(), make.account()
    for text in ("a-*@example.com", "b-*@example.com", "b-*@example.com"):
        make.suppression(account, text)
    with pytest.raises(causes.TooManyPatterns, match="may have 2 patterns"):
        make.suppression(account, "c-*@example.com")
    make.suppression(account, "c@example.com")
    make.suppression(other, "c-*@example.com")
    make.suppression(None, "c-*@example.com")


# ---- Until -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_over_goes_with_a_trace_and_nothing_else_does() -> None:
    account, now = make.account(), timezone.now()
    minute = timedelta(minutes=1)
    make.suppression(account, "over@example.com", until=now - minute)
    make.suppression(None, "everywhere@example.com", until=now - minute)
    make.suppression(account, "soon@example.com", until=now + minute)
    make.suppression(account, "ever@example.com")
    # Over by one word, and not by another.
    make.suppression(account, "both@example.com", until=now - minute)
    make.suppression(account, "both@example.com", until=now + minute, ident="u2")
    assert expiring.sweep(now, 1) == 2
    assert expiring.sweep(now, 1) == 0
    assert sorted(Suppression.objects.values_list("target", flat=True)) == [
        "both@example.com", "ever@example.com", "soon@example.com",
    ]  # fmt: skip
    gone = Removed.objects.order_by("target").values_list("target", "account", "removal__how", "removal__entries")
    assert list(gone) == [
        ("everywhere@example.com", None, How.EXPIRED, 1),
        ("over@example.com", account.id, How.EXPIRED, 1),
    ]

"""Who left and who came back: the same rows, in whatever order and groups their hits are read."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.models import Email, StoredEvent
from suppression.models import Cause, Suppression
from tests import make
from tests.tracking.mail import Sent, read, sent
from tracking import hits
from tracking.hits import Hit, What

pytestmark = pytest.mark.django_db(transaction=True)
MAILS = 2


@dataclass(frozen=True)
class Press:
    """What was pressed: at which email's page, after so many seconds, and what it undoes, by its place."""

    mail: int
    second: int
    what: What
    undoes: int | None = None


@st.composite
def presses(draw: st.DrawFn) -> list[Press]:
    """Of one person with a few emails: each is an unsubscription or takes an earlier one by the page back, once: who
    presses undo again says nothing new, and the time of one of them is kept."""
    done: list[Press] = []
    second = 0
    for _press in range(draw(st.integers(1, 7))):
        second += draw(st.sampled_from([1, 20, 59, 61, 1200, 90_000]))
        gone = {one.undoes for one in done}
        page = [n for n, one in enumerate(done)
                if one.what == What.LEAVE and second - one.second < 3600 and n not in gone]  # fmt: skip
        if draw(st.booleans()) and page:
            undoes = draw(st.sampled_from(page))
            done.append(Press(done[undoes].mail, second, What.RETURN, undoes))
        else:
            done.append(
                Press(draw(st.integers(0, MAILS - 1)), second, draw(st.sampled_from([What.LEAVE, What.ONE_CLICK])))
            )
    return done


def left_over(told: list[Press]) -> set[int]:
    """The places of the unsubscriptions that nobody took back, said once more and in other words."""
    stays = {n for n, one in enumerate(told) if one.what != What.RETURN}
    for back in told:
        if back.undoes is not None:
            named = told[back.undoes]
            stays -= {n for n, one in enumerate(told) if one.what != What.RETURN and one.mail == named.mail
                      and 0 <= named.second - one.second <= 60}  # fmt: skip
    return stays


def rows(told: list[Press], groups: list[list[int]]) -> tuple[object, ...]:
    """What is stored once these groups of presses were read, one after the other, without what differs each time."""
    account = make.account()
    mails: list[Sent] = [sent(account, ago=3600 * 24 * 20) for _mail in range(MAILS)]
    start = START - timedelta(days=10)
    made = [
        Hit(f"hit{n}", one.what, account.id, mails[one.mail].email.id,
            int((start + timedelta(seconds=one.second)).timestamp() * 1000),
            undoes="" if one.undoes is None else f"hit{one.undoes}")
        for n, one in enumerate(told)
    ]  # fmt: skip
    for group in groups:
        hits.keep([made[n] for n in group])
        read()
    places = {mail.email.id: n for n, mail in enumerate(mails)}
    events = StoredEvent.objects.filter(account=account, source_id__lt=0).exclude(
        name__in=("", "PROCESSED", "DELIVERED")
    )
    causes = Cause.objects.filter(account=account)
    at = {hit.at: n for n, hit in enumerate(made)}
    assert {at[int(cause.at.timestamp() * 1000)] for cause in causes} == left_over(told)
    return (
        sorted((places[one.email_id], one.key, one.kind, one.occurred_at) for one in events),
        [(one.status, one.unsubscribed_at) for one in Email.objects.filter(account=account).order_by("id")],
        sorted((places[one.email_id or 0], one.event_key or 0, one.at) for one in causes),
        [(one.target, one.since) for one in Suppression.objects.filter(account=account)],
    )


START = timezone.now().replace(microsecond=0)
THRICE = [Press(0, 1, What.LEAVE), Press(0, 2, What.RETURN, 0), Press(0, 90, What.LEAVE),
          Press(0, 95, What.RETURN, 2), Press(0, 200, What.LEAVE)]  # fmt: skip
LONG_AGO = [Press(0, 1, What.LEAVE), Press(0, 9000, What.LEAVE), Press(0, 9001, What.RETURN, 1)]


@settings(max_examples=30)
@given(presses(), st.randoms(use_true_random=False))
@example(THRICE, random.Random(1))
@example(LONG_AGO, random.Random(2))
def test_the_order_and_the_groups_do_not_matter(told: list[Press], chance: random.Random) -> None:
    numbers = list(range(len(told)))
    expected = rows(told, [numbers])
    assert rows(told, [[n] for n in reversed(numbers)]) == expected
    # And some of it told twice.
    shuffled = [*numbers, *numbers[:2]]
    chance.shuffle(shuffled)
    cut = chance.randint(0, len(shuffled))
    assert rows(told, [group for group in (shuffled[:cut], shuffled[cut:]) if group]) == expected

"""Taking a mistake off the list: all causes that match, in steps, each a transaction that also notes how far it came.

Whatever ends a worker, the next one goes on where the last whole step ended. What was taken off is kept, and is put
back the same way.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import Account
from accounts.nudges import Nudge
from suppression import removing
from suppression.matching import Wanted
from suppression.models import Cause, How
from suppression.undo import State, Undo

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from suppression.lists import List

# Causes looked at in a step, of which at most `removing.STEP` go; how long a worker stays at it.
LOOK, SECONDS = 20_000, 20.0
# The same again within this time is somebody who pressed twice.
TWICE = timedelta(seconds=10)
DATABASE_AWAY = (OperationalError, InterfaceError)
FAILED = gettext_noop("It failed for a reason nobody expected. Please report this; the log says more.")

log = structlog.get_logger(__name__)
nudge = Nudge("suppression.tasks.run_undos")


class Broke(Exception):
    """A step of this undo failed for a reason nobody expected."""

    def __init__(self, undo_id: int) -> None:
        super().__init__(undo_id)
        self.undo_id = undo_id


@transaction.atomic
def begin(at: List, wanted: Wanted, expected: int, note: str, now: datetime) -> Undo:
    """Have what matches taken off. Somebody who presses twice has it done once."""
    if at.account_id:
        Account.objects.select_for_update(no_key=True).get(pk=at.account_id)
    same = of(at).filter(user=at.person, **wanted.columns()).order_by("-id").first()
    if same is not None and (same.is_open or same.created_at > now - TWICE):
        return same
    undo = Undo.objects.create(
        account=at.account, created_at=now, user=at.person, actor_name=at.person.get_username()[:150], note=note,
        expected=expected, removal=removing.begin(at.account_id, How.UNDO, at.person, note), **wanted.columns(),
    )  # fmt: skip
    at.note("suppression.undone", "", {"entries": expected, "note": note})
    transaction.on_commit(nudge)
    return undo


def of(at: List) -> QuerySet[Undo]:
    """Those of this list."""
    return Undo.objects.filter(account=at.account)


@transaction.atomic
def stop(at: List, undo_id: int, now: datetime) -> bool:
    """Take no more off; what was taken off can be put back. Whether it was still under way."""
    changed = of(at).filter(pk=undo_id, state=State.REMOVING).update(state=State.STOPPED, finished_at=now)
    if changed:
        at.note("suppression.undo-stopped")
    return bool(changed)


@transaction.atomic
def take_back(at: List, undo_id: int, now: datetime) -> bool:
    """Put back all that this undo took off. Whether there was anything to be put back."""
    undo = of(at).filter(pk=undo_id).select_for_update().first()
    if undo is None or not undo.can_return:
        return False
    name = at.person.get_username()[:150]
    Undo.objects.filter(pk=undo.pk).update(state=State.RETURNING, returned_by=name, returned_at=now, problem="")
    at.note("suppression.undo-undone", "", {"entries": undo.entries})
    transaction.on_commit(nudge)
    return True


def work(seconds: float = SECONDS) -> int:
    """Make steps of what is under way, each in its turn, for about this long; returns how many."""
    end, steps, last = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        last = step(Q(id__gt=last)) or step(Q())
        if not last:
            break
        steps += 1
    return steps


def step(which: Q) -> int:
    """One step of the first of these that is under way and that nobody else is at; its id, or 0 without any."""
    now = timezone.now()
    try:
        return _step(which, now)
    except Broke as error:
        log.exception("undo_broke", undo=error.undo_id)
        Undo.objects.filter(pk=error.undo_id).update(state=State.STOPPED, finished_at=now, problem=FAILED)
        return error.undo_id


@transaction.atomic
def _step(which: Q, now: datetime) -> int:
    open_ones = Undo.objects.select_for_update(skip_locked=True, of=("self",)).select_related("removal")
    undo = open_ones.filter(which, state__in=(State.REMOVING, State.RETURNING)).order_by("id").first()
    if undo is None:
        return 0
    try:
        with transaction.atomic():
            if undo.state == State.REMOVING:
                _remove(undo, now)
            else:
                _put_back(undo, now)
    except DATABASE_AWAY:
        raise
    except Exception as error:
        raise Broke(undo.pk) from error
    undo.save(update_fields=["state", "place_at", "place_id", "seen", "entries", "kept", "finished_at", "returned"])
    return undo.pk


def _remove(undo: Undo, now: datetime) -> None:
    """Take the next ones off, the newest causes first."""
    wanted = Wanted.of(undo)
    within, matches = wanted.within(undo.account_id), wanted.matches()
    left = Cause.objects.filter(within).order_by("-added_at", "-id")
    if undo.place_at is not None:
        below = Q(added_at__lt=undo.place_at) | Q(added_at=undo.place_at, id__lt=undo.place_id)
        left = left.filter(below, added_at__lte=undo.place_at)
    looked = list(left.values_list("added_at", "id")[:LOOK])
    is_over = len(looked) < LOOK
    place = looked[-1] if looked else None
    found = list(
        left.filter(matches, added_at__gte=place[0]).values_list("added_at", "id", "suppression_id")[: removing.STEP]
        if place
        else ()
    )
    if len(found) == removing.STEP:
        is_over, place = False, found[-1][:2]
        looked = [one for one in looked if one >= place]
    entries = {entry_id for _at, _id, entry_id in found}
    if entries:
        gone = removing.take_off(undo.removal, entries, within & matches)
        undo.entries += gone
        undo.kept += len(entries) - gone
    undo.seen += len(looked)
    if is_over:
        undo.state, undo.finished_at = State.DONE, now
    else:
        undo.place_at, undo.place_id = place or (None, None)


def _put_back(undo: Undo, now: datetime) -> None:
    back = removing.restore(undo.removal)
    undo.returned += back
    if not back:
        undo.state, undo.finished_at = State.RETURNED, now

"""Doing something with all emails of a filter, in steps: each a transaction, that also notes how far it came.

Whatever ends a worker, the next one goes on where the last whole step ended: nothing is done twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext_noop
from psycopg.errors import QueryCanceled

from accounts import audit
from accounts.access import enter
from accounts.models import Account, Role
from accounts.nudges import Nudge
from accounts.patience import at_most
from delivery import actions
from delivery.errand import Action, Errand
from delivery.models import source_of
from feeds import counts, search
from feeds.models import MAX_ID, id_at
from feeds.query import Filter, Unclear
from feeds.tasks import DATABASE_AWAY
from feeds.terms import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from accounts.access import Access

# Emails in a step; looked at in one of the queue; how long a worker stays at it; counted before somebody confirms.
STEP, LOOK, SECONDS, MOST_COUNTED = 200, 1000, 20.0, 10_000
COUNT_MS = 4000

log = structlog.get_logger(__name__)
# The same again within this time is somebody who pressed twice.
TWICE = timedelta(seconds=10)
nudge = Nudge("delivery.tasks.run_errands")

# What is still to be sent, the newest emails first. Index: delivery_outgoing_newest.
QUEUED = """
select email_id from delivery_outgoing where account_id = %s and email_id < %s order by email_id desc limit %s
"""
MATCHING = "select id from feeds_email where {} and id = any(%s) order by id desc"
COUNT = """
select count(*) from (
    select from feeds_email where {} and id in (select email_id from delivery_outgoing where account_id = %s)
    limit %s) e
"""


class Broke(Exception):
    """A step of this errand failed for a reason nobody expected."""

    def __init__(self, errand_id: int) -> None:
        super().__init__(errand_id)
        self.errand_id = errand_id


@dataclass(frozen=True, slots=True)
class Expected:
    """How many emails there are to do something with; there may be more where that is not exact. None that are not
    exact were not counted in time."""

    n: int
    is_exact: bool


def expected(access: Access, wanted: Filter, action: Action, now: datetime) -> Expected:
    """How many emails of this filter it is about: those still to be sent, or for RESEND all. Raises Unclear."""
    if action == Action.RESEND:
        total = counts.of(access, wanted, now).total
        return Expected(total.n, total.is_exact)
    text, values = resolve(wanted, access.account, now).sql()
    try:
        with at_most(COUNT_MS), connection.cursor() as cursor:
            cursor.execute(COUNT.format(text), [*values, access.account.pk, MOST_COUNTED + 1])
            (n,) = cursor.fetchone()
    except QueryCanceled:
        return Expected(0, is_exact=False)
    return Expected(min(n, MOST_COUNTED), n <= MOST_COUNTED)


@transaction.atomic
def begin(access: Access, wanted: Filter, action: Action, now: datetime) -> Errand:
    """Have it done, with what is there now. Somebody who presses twice has it done once. Raises Unclear."""
    told = expected(access, wanted, action, now)
    Account.objects.select_for_update(no_key=True).get(pk=access.account.pk)
    same = Errand.objects.of(access).filter(action=action, query=wanted.text).order_by("-id").first()
    if same is not None and (same.finished_at is None or same.created_at > now - TWICE):
        return same
    errand = Errand.objects.create(
        account=access.account, action=action, query=wanted.text, expected=told.n, is_expected_exact=told.is_exact,
        created_at=now, created_by=access.membership.user, place=min(id_at(now) + (1 << 20), MAX_ID),
    )  # fmt: skip
    details = {"query": wanted.text, "emails": told.n}
    audit.note(access.account, access.membership.user, f"emails.{action}", "", details)
    transaction.on_commit(nudge)
    return errand


@transaction.atomic
def stop(access: Access, errand_id: int, now: datetime) -> bool:
    """Do no more of it; what was done stays. Whether it was still under way."""
    errand = Errand.objects.of(access).filter(pk=errand_id, finished_at=None).select_for_update().first()
    if errand is None:
        return False
    Errand.objects.filter(pk=errand.pk).update(stopped=True, finished_at=now)
    audit.note(access.account, access.membership.user, "emails.stopped", "", {"query": errand.query})
    return True


def work(seconds: float = SECONDS) -> int:
    """Make steps of what is under way, each in its turn, for about this long; returns how many."""
    end, steps, last = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        now = timezone.now()
        try:
            last = _step(last, now)
        except Broke as error:
            log.exception("errand_broke", errand=error.errand_id)
            last = error.errand_id
            _end(
                last,
                now,
                gettext_noop("It failed for a reason nobody expected. Please report this; the log says more."),
            )
        if not last:
            break
        steps += 1
    return steps


@transaction.atomic
def _step(after: int, now: datetime) -> int:
    """One step of the errand that comes after this one, in a circle; its id, or 0 where there is none to make."""
    open_ones = Errand.objects.select_for_update(skip_locked=True, of=("self",)).filter(finished_at=None)
    open_ones = open_ones.select_related("account", "created_by").order_by("id")
    errand = open_ones.filter(id__gt=after).first() or open_ones.first()
    if errand is None:
        return 0
    try:
        ids, place = _next(errand)
        outcome = _do(errand, ids, now) if ids else actions.Outcome()
    except (Http404, PermissionDenied):
        _end(
            errand.id,
            now,
            gettext_noop("Whoever asked for this is not a member of the account any more, or may not do it now."),
        )
    except Unclear as error:
        _end(errand.id, now, str(error))
    except DATABASE_AWAY:
        raise
    except Exception as error:
        raise Broke(errand.id) from error
    else:
        errand.seen += len(ids)
        errand.done += outcome.done
        errand.refused += len(outcome.refused)
        errand.problem = outcome.refused[-1] if outcome.refused else errand.problem
        errand.place, errand.finished_at = place or 0, None if place else now
        errand.save(update_fields=["seen", "done", "refused", "problem", "place", "finished_at"])
    return errand.id


def _next(errand: Errand) -> tuple[list[int], int | None]:
    """The next emails, and the place below which others may follow; None: there are none. Raises where whoever asked
    may not ask any more."""
    access = enter(errand.created_by, errand.account.slug, Role.MEMBER)
    wanted = Filter.parse(errand.query)
    if errand.action == Action.RESEND:
        page = search.page(access, wanted, errand.created_at, errand.place, STEP)
        return [email.id for email in page.emails if email.source_id == source_of(errand.account.pk)], page.older
    return _queued(errand.account, wanted, errand.created_at, errand.place)


def _queued(account: Account, wanted: Filter, now: datetime, place: int) -> tuple[list[int], int | None]:
    with connection.cursor() as cursor:
        cursor.execute(QUEUED, [account.pk, place, LOOK])
        queued = [email_id for (email_id,) in cursor.fetchall()]
        if not queued:
            return [], None
        text, values = resolve(wanted, account, now).sql()
        cursor.execute(MATCHING.format(text), [*values, queued])
        found = [email_id for (email_id,) in cursor.fetchall()]
    if len(found) > STEP:
        return found[:STEP], found[STEP - 1]
    return found, queued[-1] if len(queued) == LOOK else None


def _do(errand: Errand, ids: Sequence[int], now: datetime) -> actions.Outcome:
    by = errand.created_by.get_username() if errand.created_by else "?"
    if errand.action == Action.RETRY:
        return actions.retry_now(errand.account, ids, now, by)
    if errand.action == Action.GIVE_UP:
        return actions.give_up(errand.account, ids, now, by)
    return actions.resend(errand.account, ids, now)


def _end(errand_id: int, now: datetime, problem: str) -> None:
    Errand.objects.filter(pk=errand_id).update(finished_at=now, stopped=True, problem=problem)

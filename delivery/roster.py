"""The mailers there are: each shows that it lives, and what a dead one had claimed goes on without it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction

from delivery import outcomes, routes
from delivery.models import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from delivery.outcomes import Done

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0
# Without a beat for so long a mailer is dead to the others; it stops beginning anything new some seconds before.
DEAD_SECONDS, CAREFUL_SECONDS = 15, 10.0

# By the clock of the database, which all of them share.
BEAT = """
with beat as (update delivery_mailer set beat_at = clock_timestamp() where id = %s returning id)
select (select count(*) from beat),
    (select count(*) from delivery_mailer where beat_at > clock_timestamp() - make_interval(secs => %s))
"""
# Whoever holds the row deals with it; the others pass it over.
DEAD = """
select id from delivery_mailer where beat_at < clock_timestamp() - make_interval(secs => %s)
order by id limit 1 for update skip locked
"""
IN_FLIGHT = "select email_id from delivery_lane where mailer_id = %s and email_id is not null"
# Of what was tried and could not be settled, the next one that claims it finds the attempt.
FREE = """
update delivery_outgoing o set claimed_by = null, interrupted = interrupted or email_id = any(%s) or exists (
    select from delivery_attempt a where a.email_id = o.email_id and a.number > o.attempts)
where claimed_by = %s and o.email_id <> all(%s)
"""


def register(lanes: int) -> int:
    """Enter a mailer with so many lanes; returns its number."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into delivery_mailer (host, started_at, beat_at) values (%s, clock_timestamp(), clock_timestamp())"
            " returning id",
            [socket.gethostname()],
        )
        (mailer_id,) = cursor.fetchone()
        cursor.execute(
            "insert into delivery_lane (mailer_id, number) select %s, generate_series(0, %s - 1)", [mailer_id, lanes]
        )
    return int(mailer_id)


def beat(mailer_id: int) -> int:
    """Show that this mailer lives; returns how many do, and 0 where the others have given it up for dead."""
    with connection.cursor() as cursor:
        cursor.execute(BEAT, [mailer_id, DEAD_SECONDS])
        known, alive = cursor.fetchone()
    return max(1, int(alive)) if known else 0


def leave(mailer_id: int) -> None:
    """Take a mailer off the roster that has nothing in flight and nothing to settle; what it claimed is free."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FREE, [[], mailer_id, []])
        _strike(mailer_id)


def bury(now: datetime) -> int:
    """Settle what dead mailers left: what they sent is recorded, the rest is free. Returns how many mailers."""
    buried = 0
    while _bury_one(now):
        buried += 1
    return buried


@transaction.atomic
def _bury_one(now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(DEAD, [DEAD_SECONDS])
        found = cursor.fetchone()
        if found is None:
            return False
        (mailer_id,) = found
        rows = list(Outgoing.objects.filter(claimed_by=mailer_id).order_by("email_id").select_for_update())
        settled, refused = settle_left(rows, mailer_id, now)
        # One that was being sent may arrive twice, always with the same Message-ID; nobody can know.
        begun = in_flight(mailer_id)
        cursor.execute(FREE, [list(begun), mailer_id, list(refused)])
    _strike(mailer_id)
    log.warning("mailer_gone", mailer=mailer_id, claimed=len(rows), settled=len(settled), in_flight=len(begun))
    return True


def in_flight(mailer_id: int) -> set[int]:
    """What its lanes are sending at this moment, or were when it died."""
    with connection.cursor() as cursor:
        cursor.execute(IN_FLIGHT, [mailer_id])
        return {email_id for (email_id,) in cursor}


def settle_left(rows: list[Outgoing], mailer_id: int, now: datetime) -> tuple[set[int], set[int]]:
    """Settle those of these claimed rows that were tried already; returns the ids of their emails.

    The second set are those whose outcome the database refuses. They were sent and must not be sent again: they stay
    claimed until somebody mends this, and hold up none of the others.
    """
    done = outcomes.from_attempts(rows, routes.waits({row.account_id for row in rows}))
    settled = {d.outgoing.email_id for d in done}
    if not done or _settles(done, mailer_id, now):
        return settled, set()
    refused = {d.outgoing.email_id for d in done if not _settles([d], mailer_id, now)}
    log.error("outcomes_refused", emails=sorted(refused))
    return settled - refused, refused


def settle_interrupted(rows: Iterable[Outgoing], mailer_id: int, now: datetime) -> set[int]:
    """Settle those of these rows that somebody sent who was taken for dead; returns the ids of their emails.

    Whoever ends emails asks this first: what was sent must not be told as given up, or get its credit back. 0 is the
    mailer of rows that nobody claimed.
    """
    begun = [row for row in rows if row.interrupted]
    return set().union(*settle_left(begun, mailer_id, now)) if begun else set()


def _settles(done: list[Done], mailer_id: int, now: datetime) -> bool:
    """Settle these together, unless the database refuses them: then nothing of them is written."""
    try:
        with transaction.atomic():
            outcomes.settle(done, mailer_id, now)
    except OperationalError:
        raise
    except DatabaseError:
        return False
    return True


def _strike(mailer_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from delivery_lane where mailer_id = %s", [mailer_id])
        cursor.execute("delete from delivery_mailer where id = %s", [mailer_id])

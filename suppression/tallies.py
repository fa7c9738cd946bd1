"""Counting what comes on the lists and goes. Rows are added by whoever changes a list, and added up here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

KEPT = timedelta(days=90)
# What is older was added up before.
RECENT = timedelta(hours=3)
FOLD = """
with several as (
    select account_id, reason, hour from suppression_tally where hour >= %s group by 1, 2, 3 having count(*) > 1
), gone as (
    delete from suppression_tally t using several s
    where t.hour = s.hour and t.reason = s.reason and t.account_id is not distinct from s.account_id
    returning t.account_id, t.reason, t.hour, added, removed
)
insert into suppression_tally (account_id, reason, hour, added, removed)
select account_id, reason, hour, sum(added), sum(removed) from gone group by 1, 2, 3
"""
# What is old becomes one row, of no hour in particular: the sum of all is how many there are.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FOLD_OLD = """
with old as (
    select account_id, reason from suppression_tally where hour < %(before)s and hour > %(ago)s group by 1, 2
), gone as (
    delete from suppression_tally t using old o
    where t.hour < %(before)s and t.reason = o.reason and t.account_id is not distinct from o.account_id
    returning t.account_id, t.reason, added, removed
)
insert into suppression_tally (account_id, reason, hour, added, removed)
select account_id, reason, %(ago)s, sum(added), sum(removed) from gone group by 1, 2
"""


def fold(now: datetime) -> None:
    """Make one row of those of the same hour, and one of all old ones. Two at once would leave the sums as they are:
    what one has deleted the other does not find."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD, [now - RECENT])
        cursor.execute(FOLD_OLD, {"before": now - KEPT, "ago": LONG_AGO})

"""Counting what comes on the lists and goes. Rows are added by whoever changes a list, and added up here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection

from suppression.models import Tally

if TYPE_CHECKING:
    from datetime import datetime

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


def fold(now: datetime) -> None:
    """Make one row of those of the same hour, and forget old ones. Two at once would leave the sums as they are: what
    one has deleted the other does not find."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD, [now - RECENT])
    Tally.objects.filter(hour__lt=now - KEPT).delete()

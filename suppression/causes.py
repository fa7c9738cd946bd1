"""Adding to the list what events say, one statement for any number of them; and taking back a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from suppression.models import Reason, Suppression

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

# The earliest cause is the evidence, whatever order the causes come in. Sorted: no two batches deadlock.
ADD = """
insert into suppression_suppression as s (account_id, address, reason, since, email_id, event_key, created_at)
select distinct on (account_id, address, reason) account_id, address, reason, since, email_id, event_key, now()
from unnest(%s::int[], %s::text[], %s::smallint[], %s::timestamptz[], %s::bigint[], %s::bigint[])
     as c (account_id, address, reason, since, email_id, event_key)
order by account_id, address, reason, since, event_key
on conflict (account_id, address, reason) do update
set since = excluded.since, email_id = excluded.email_id, event_key = excluded.event_key
where (excluded.since, excluded.event_key) < (s.since, s.event_key)
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """An event after which an address must not be mailed. `address` is lower case, `since` aware."""

    account_id: int
    address: str
    reason: Reason
    since: datetime
    email_id: int
    event_key: int


def suppress(causes: Iterable[Cause]) -> None:
    """Put these addresses on their accounts' lists, inside the caller's transaction."""
    rows = [(c.account_id, c.address, int(c.reason), c.since, c.email_id, c.event_key) for c in causes]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(ADD, [list(column) for column in zip(*rows, strict=True)])


def lift(account_id: int, address: str, reason: Reason, email_id: int) -> datetime | None:
    """Take back what this email caused, and say since when it held; None where there is nothing. Inside the caller's
    transaction.

    An earlier cause, of another email, stays. A later one is not on the list: the caller, who knows the events, puts
    it there. The trace is the event the caller records.
    """
    found = Suppression.objects.filter(account_id=account_id, address=address, reason=reason, email_id=email_id)
    since = found.values_list("since", flat=True).first()
    found.delete()
    return since

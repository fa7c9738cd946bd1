"""What the people of an account must know about: that somebody's server refuses their mail as such."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from delivery.outcomes import Done

# One for each recipient domain and hour, with the last answer.
TELL = """
insert into delivery_notice as n (account_id, domain, starts_at, emails, email_id, code, reply)
select * from unnest(%s::int[], %s::text[], %s::timestamptz[], %s::int[], %s::bigint[], %s::text[], %s::text[])
order by 1, 2, 3
on conflict (account_id, domain, starts_at) do update set emails = n.emails + excluded.emails,
    email_id = excluded.email_id, code = excluded.code, reply = excluded.reply
"""


def tell(blocked: Sequence[Done], now: datetime) -> None:
    """Note these refusals, in the caller's transaction."""
    groups: dict[tuple[int, str], list[Done]] = defaultdict(list)
    for done in blocked:
        groups[done.outgoing.account_id, done.outgoing.domain].append(done)
    if groups:
        hour = now.replace(minute=0, second=0, microsecond=0)
        rows = [
            (account_id, domain, hour, len(group), group[-1].outgoing.email_id, group[-1].code, group[-1].reply)
            for (account_id, domain), group in groups.items()
        ]
        with connection.cursor() as cursor:
            cursor.execute(TELL, [list(column) for column in zip(*rows, strict=True)])

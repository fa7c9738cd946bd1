"""How many emails an account had lately, by recipient domain and source: to tell what is usual."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection

from feeds.cohorts import Dimension
from feeds.models import id_at
from suppression.volumes import Emails, Volume

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

# Emails looked at one by one; of more, the newest stand for all.
MOST = 100_000
DAY = timedelta(days=1)

TOTAL = """
select coalesce(sum(emails) filter (where starts_at >= %s), 0)::bigint, coalesce(sum(emails), 0)::bigint
from feeds_cohort where account_id = %s and starts_at >= %s
"""
# Index: (account_id, id).
LATELY = """
with lately as materialized (
    select source_id, recipient_id from feeds_email where account_id = %(account)s and id >= %(low)s
    order by id desc limit %(most)s)
select 'all', '', count(*) from lately
union all select 'source', source_id::text, count(*) from lately group by source_id
union all select 'domain', d.name, count(*) from lately l
    join feeds_address a on a.id = l.recipient_id join feeds_domain d on d.id = a.domain_id
    where d.name = any(%(domains)s) group by d.name
"""
DAYS = """
select d.name, sum(c.emails)::bigint from feeds_day c join feeds_domain d on d.id = c.value
where c.account_id = %s and c.dimension = %s and c.day >= %s and d.name = any(%s) group by d.name
"""


def of(account_id: int, since: datetime, now: datetime, domains: Collection[str]) -> Volume:
    """Of `suppression.volumes`: the last day or, of domains, the two last days of the calendar."""
    named = sorted(domains)
    with connection.cursor() as cursor:
        cursor.execute(TOTAL, [since, account_id, now - DAY])
        total = Emails(*cursor.fetchone())
        told: dict[str, Any] = {"account": account_id, "low": id_at(since), "most": MOST, "domains": named}
        cursor.execute(LATELY, told)
        rows = cursor.fetchall()
        cursor.execute(DAYS, [account_id, int(Dimension.DOMAIN), (now - DAY).date(), named])
        days = dict(cursor.fetchall())
    seen = next(n for part, _name, n in rows if part == "all")
    times = max(total.lately / seen, 1) if seen else 1
    lately = {(part, name): round(n * times) for part, name, n in rows}
    return Volume(
        total,
        {name: Emails(lately.get(("domain", name), 0), days.get(name, 0)) for name in named},
        {int(name): Emails(n, total.day) for (part, name), n in lately.items() if part == "source"},
    )

"""The queue: which rows are due, by account and recipient domain, and whose they are for the moment.

A look walks the pairs of account and domain, one step of the index each, however many rows a pair has: a million
emails to one domain are passed in one step. Looks are slices that go round, so every pair has its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from delivery.models import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

# One look passes at most this many pairs.
SLICE = 500
START = (0, "")

# Index: delivery_outgoing_due. Each step is the first entry beyond a pair: the one of the next pair that is due first.
WALK = """
with recursive pair as (
    (select account_id, domain, next_attempt_at from delivery_outgoing
     where claimed_by is null and held = 0 and (account_id, domain) > (%(account)s, %(domain)s)
     order by account_id, domain, next_attempt_at limit 1)
    union all
    select n.account_id, n.domain, n.next_attempt_at from pair p cross join lateral (
        select account_id, domain, next_attempt_at from delivery_outgoing o
        where claimed_by is null and held = 0 and (o.account_id, o.domain) > (p.account_id, p.domain)
        order by account_id, domain, next_attempt_at limit 1) n
)
select account_id, domain, next_attempt_at from pair limit %(slice)s
"""
COLUMNS = tuple(field.attname for field in Outgoing._meta.concrete_fields)
# The longest due first; what another mailer looks at in this moment is passed over. The ids come as an array, so that
# the rows are fetched by their key: of a limit it cannot see PostgreSQL expects a tenth of all rows, and would rather
# read the whole table.
CLAIM = f"""
with wanted as (
    select * from unnest(%(accounts)s::int[], %(domains)s::text[], %(limits)s::int[]) as w (account_id, domain, n)
), due as (
    select d.email_id from wanted w cross join lateral (
        select email_id from delivery_outgoing o
        where o.account_id = w.account_id and o.domain = w.domain and claimed_by is null and held = 0
            and next_attempt_at <= %(now)s
        order by next_attempt_at limit w.n for update skip locked) d
)
update delivery_outgoing o set claimed_by = %(mailer)s where o.email_id = any(array(select email_id from due))
returning {", ".join(f"o.{column}" for column in COLUMNS)}
"""  # noqa: S608
RELEASE = """
update delivery_outgoing o set claimed_by = null, next_attempt_at = greatest(next_attempt_at, v.not_before)
from unnest(%s::bigint[], %s::timestamptz[]) v (email_id, not_before)
where o.email_id = v.email_id and o.claimed_by = %s
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Something is due of this account to this domain."""

    account_id: int
    domain: str


@dataclass(frozen=True, slots=True)
class Look:
    """The pairs of a slice that have something due, and where the next look goes on (START: it went all round)."""

    pairs: Sequence[Pair]
    after: tuple[int, str]


def look(after: tuple[int, str], now: datetime, most: int = SLICE) -> Look:
    """Walk on from where the last look ended."""
    with connection.cursor() as cursor:
        cursor.execute(WALK, {"account": after[0], "domain": after[1], "slice": most})
        found = cursor.fetchall()
    pairs = [Pair(account_id, domain) for account_id, domain, at in found if at <= now]
    return Look(pairs, (found[-1][0], found[-1][1]) if len(found) == most else START)


def claim(wanted: Iterable[tuple[Pair, int]], mailer_id: int, now: datetime) -> list[Outgoing]:
    """Take up to so many due rows of each pair for this mailer, in the caller's transaction."""
    chosen = list(wanted)
    if not chosen:
        return []
    told: dict[str, Any] = {
        "accounts": [pair.account_id for pair, _n in chosen],
        "domains": [pair.domain for pair, _n in chosen],
        "limits": [n for _pair, n in chosen],
        "mailer": mailer_id,
        "now": now,
    }
    # By way of the model, which knows what JSON is.
    return list(Outgoing.objects.raw(CLAIM, told))


def release(emails: Mapping[int, datetime], mailer_id: int) -> None:
    """Give back what was claimed and not sent, each with the moment before which it is not due again."""
    if emails:
        with connection.cursor() as cursor:
            cursor.execute(RELEASE, [list(emails), list(emails.values()), mailer_id])


def paid(rows: Iterable[Outgoing]) -> None:
    """Note that a credit was taken for each of these."""
    rows = list(rows)
    if rows:
        Outgoing.objects.filter(email_id__in=[row.email_id for row in rows]).update(is_paid=True)

"""What is forgotten of what was sent, and when: first its content, then that it was handed in at all.

In batches, each a transaction of its own: nobody waits for it, and where it ends the next run goes on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection

from feeds.models import id_at

if TYPE_CHECKING:
    from datetime import datetime

# One run does at most so many batches of so many rows.
BATCH, BATCHES = 500, 20
# An answer is given again for so long (see the header Idempotency-Key in docs/sending.md).
ANSWERS_KEPT = timedelta(days=2)

# Index: delivery_message_content. A message that is still to be sent to somebody is looked at again later, and later
# the older it is: what waits for months is not looked at every minute.
CLEAR = """
with old as (
    select id from delivery_message
    where kept_until <= %(now)s and (parts is not null or raw is not null)
    order by kept_until limit %(batch)s for update skip locked
), found as (
    -- Lateral, so that it is one step into the index for each, and not a look through all that is to be sent.
    select old.id, n.is_needed is not null as is_needed from old left join lateral (
        select true as is_needed from delivery_outgoing o where o.message_id = old.id limit 1) n on true
), files as (
    delete from delivery_attachment a using found f where a.message_id = f.id and not f.is_needed
)
update delivery_message m set
    parts = case when f.is_needed then parts end, raw = case when f.is_needed then raw end,
    groups = case when f.is_needed then groups end,
    kept_until = case when f.is_needed
        then %(now)s + greatest(interval '5 minutes', (%(now)s - m.created_at) / 10) else m.kept_until end
from found f where m.id = f.id
"""
# Each account that handed something in, deleted ones as well, by one step into the index delivery_message_age.
ACCOUNTS = """
with recursive one as (
    (select account_id from delivery_message order by account_id limit 1)
    union all
    select n.account_id from one cross join lateral (
        select account_id from delivery_message where account_id > one.account_id order by account_id limit 1) n)
select one.account_id, coalesce(a.retention_days, 0) from one left join accounts_account a on a.id = one.account_id
"""
FORGET = """
with gone as (
    select id from delivery_message m
    where account_id = %(account)s and id < %(before)s
        and not exists (select from delivery_outgoing o where o.message_id = m.id)
    order by id limit %(batch)s for update skip locked
), files as (
    delete from delivery_attachment a using gone g where a.message_id = g.id
)
delete from delivery_message m using gone g where m.id = g.id
"""
FORGET_ANSWERS = """
delete from delivery_answered where ctid = any(array(
    select ctid from delivery_answered where at < %(before)s order by at limit %(batch)s for update skip locked))
"""


def clear_content(now: datetime) -> int:
    """Empty the messages whose content nobody needs and nobody keeps any more; returns how many were looked at."""
    return _in_batches(CLEAR, {"now": now})


def forget_messages(now: datetime) -> int:
    """Remove messages that are older than what their account's feed shows; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(ACCOUNTS)
        accounts = cursor.fetchall()
    return sum(
        _in_batches(FORGET, {"account": account_id, "before": id_at(now - timedelta(days=days))})
        for account_id, days in accounts
    )


def forget_answers(now: datetime) -> int:
    """Forget what was answered to requests with a key long ago; returns how many."""
    return _in_batches(FORGET_ANSWERS, {"before": now - ANSWERS_KEPT})


def _in_batches(statement: str, named: dict[str, Any]) -> int:
    done = 0
    for _batch in range(BATCHES):
        with connection.cursor() as cursor:
            cursor.execute(statement, named | {"batch": BATCH})
            done += cursor.rowcount
            if cursor.rowcount < BATCH:
                break
    return done

"""The SQL of the lifecycle: a batch is copied into temporary tables, given its emails, and written set by set.

Every statement touches rows in sorted order, and the tables always in the same order, so batches of several workers
wait for each other and never deadlock. Measured beside one transaction per event in bench/record.py.

The plan of what writes an email costs many times what its run does: for a few emails plans are kept
(accounts/prepared.py), and for many they are made for as many as there are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection

from accounts import prepared
from feeds import cohorts
from feeds.events import Bounce, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.db.backends.utils import CursorWrapper

    from feeds.batch import Batch

# Up to so many events a batch is small: whatever plan it gets is good for it.
FEW = 50

# Temporary tables live as long as the connection and are empty at each commit.
TABLES = """
create temp table if not exists stage_address (
    account_id int, local text, domain text, addr text) on commit delete rows;
create temp table if not exists stage_email (
    n int, key uuid, place_at timestamptz, account_id int, source_id int, is_test bool, message_id text, recipient text,
    sender text collate "C", subject text, argument text, header_id text, tags text[],
    email_id bigint, recipient_id bigint, sender_id bigint) on commit delete rows;
create temp table if not exists stage_event (
    n int, key bigint, occurred_at timestamptz, received_at timestamptz, inbox_id bigint, account_id int, source_id int,
    kind smallint, bounce smallint, name text, code text, comment text, url text, ip text, user_agent text,
    held smallint
) on commit delete rows;
create temp table if not exists stage_repeat (
    n int, key bigint, inbox_id bigint, received_at timestamptz) on commit delete rows;
"""
# Where several batches share one transaction.
EMPTY = "delete from stage_address; delete from stage_email; delete from stage_event; delete from stage_repeat"
# Whether the tables are there, and whether anything is in them.
STATE = """
select to_regclass('pg_temp.stage_repeat') is not null,
    coalesce(pg_relation_size(to_regclass('pg_temp.stage_email')), 0) > 0
"""
COLUMNS = {
    "stage_address": "account_id, local, domain, addr",
    "stage_email": "n, key, place_at, account_id, source_id, is_test, message_id, recipient, sender, subject,"
    " argument, header_id, tags",
    "stage_event": "n, key, occurred_at, received_at, inbox_id, account_id, source_id, kind, bounce, name, code,"
    " comment, url, ip, user_agent, held",
    "stage_repeat": "n, key, inbox_id, received_at",
}
_FILLED = (
    f"{t}_rows as (insert into {t} ({c}) select {c} from json_populate_recordset(null::{t}, %({t})s::json))"  # noqa: S608
    for t, c in COLUMNS.items()  # here and below: nothing comes from outside
)
FILL = f"with {', '.join(_FILLED)} select"

# Kinds whose comment is a reason: why an email did not arrive.
REASONED = (Kind.BOUNCED, Kind.DROPPED, Kind.DEFERRED)
REASONS = f"""
    insert into feeds_reason (account_id, text)
    select distinct account_id, feeds_reason_of(comment) as text from stage_event
    where comment <> '' and kind in ({", ".join(str(int(kind)) for kind in REASONED)})
    except select account_id, text from feeds_reason
    order by 1, 2 on conflict do nothing
"""  # noqa: S608

# Find or make the email of each message: addresses, then the claim of the message's key, then all ids at once.
PLACE: tuple[str, ...] = (
    """
    insert into feeds_domain (name)
    select distinct domain from stage_address a
    where not exists (select from feeds_domain d where d.name = a.domain)
    order by 1 on conflict do nothing
    """,
    """
    insert into feeds_address (account_id, domain_id, local, addr)
    select a.account_id, d.id, a.local, a.addr from stage_address a join feeds_domain d on d.name = a.domain
    where not exists (select from feeds_address x where x.account_id = a.account_id and x.addr = a.addr)
    order by 1, 4 on conflict do nothing
    """,
    """
    insert into feeds_message_key (key, email_id)
    select e.key, feeds_id(e.place_at, nextval('feeds_id_seq')) from stage_email e
    where not exists (select from feeds_message_key k where k.key = e.key)
    order by 1 on conflict do nothing
    """,
    """
    update stage_email e set
        email_id = k.email_id,
        recipient_id = r.id,
        sender_id = (select s.id from feeds_address s
                     where s.account_id = e.account_id and s.addr = e.sender and e.sender <> '')
    from feeds_message_key k, feeds_address r
    where k.key = e.key and r.account_id = e.account_id and r.addr = e.recipient
    """,
)
TAGS: tuple[str, ...] = (
    """
    insert into feeds_tag (account_id, name)
    select distinct account_id, unnest(tags) as name from stage_email
    except select account_id, name from feeds_tag
    order by 1, 2 on conflict do nothing
    """,
    """
    insert into feeds_tagged (account_id, tag_id, email_id)
    select e.account_id, t.id, e.email_id from (
        select account_id, email_id, unnest(tags) as name from stage_email where tags <> '{}') e
    join feeds_tag t on t.account_id = e.account_id and t.name = e.name
    order by 1, 2, 3 on conflict do nothing
    """,
)
# Held to the end: an account's days are not recounted in another zone meanwhile.
HOLD_ZONES = """
    select count(*) from (select from feeds_day_zone where account_id in (select account_id from stage_email)
                          order by account_id for share) z
"""
ADD_ZONES = """
    insert into feeds_day_zone (account_id, zone)
    select distinct e.account_id, a.time_zone from stage_email e join accounts_account a on a.id = e.account_id
    where not exists (select from feeds_day_zone z where z.account_id = e.account_id)
    order by 1 on conflict do nothing
"""

# An email that goes by several names (feeds/aliases.py) may be told of under two of them at once: then it is one.
TWINS = """
with twin as (
    select n, min(n) over (partition by email_id) as kept from stage_email
), moved as (
    update stage_event s set n = t.kept from twin t where t.n = s.n and t.kept <> t.n
), repeated as (
    update stage_repeat s set n = t.kept from twin t where t.n = s.n and t.kept <> t.n
), one as (
    select t.kept, max(e.sender) as sender, (array_agg(e.sender_id order by e.sender desc))[1] as sender_id,
        max(e.subject) as subject, max(e.argument) as argument, max(e.header_id) as header_id,
        bool_or(e.is_test) as is_test
    from twin t join stage_email e using (n) group by t.kept having count(*) > 1
), merged as (
    update stage_email e set sender = o.sender, sender_id = o.sender_id, subject = o.subject, argument = o.argument,
        header_id = o.header_id, is_test = o.is_test,
        tags = array(select distinct unnest(x.tags) from stage_email x join twin t using (n)
                     where t.kept = o.kept order by 1)
    from one o where e.n = o.kept
)
delete from stage_email e using twin t where t.n = e.n and t.kept <> t.n
"""

# Kinds whose first time the email keeps, with the column. Their rollup counts emails as well as events.
FIRST_TIMES = {
    Kind.PROCESSED: "processed_at",
    Kind.SENT: "sent_at",
    Kind.DELIVERED: "delivered_at",
    Kind.BOUNCED: "bounced_at",
    Kind.OPENED: "opened_at",
    Kind.CLICKED: "clicked_at",
    Kind.UNSUBSCRIBED: "unsubscribed_at",
    Kind.SPAM: "spam_at",
    Kind.DROPPED: "dropped_at",
    Kind.DEFERRED: "deferred_at",
    Kind.MACHINE_OPENED: "machine_opened_at",
    Kind.MACHINE_CLICKED: "machine_clicked_at",
}
COUNTERS = {
    Kind.OPENED: "opens",
    Kind.CLICKED: "clicks",
    Kind.MACHINE_OPENED: "machine_opens",
    Kind.MACHINE_CLICKED: "machine_clicks",
    Kind.DEFERRED: "deferrals",
    Kind.UNKNOWN: "unknowns",
}
# What merges by taking the larger: any order of arrival ends with the same value, and text wins over none.
MERGED = ("status", "bounce", "is_test", "is_late", "sender", "subject", "argument", "header_id", "last_at")
COMMENT = ("comment", "code", "comment_at", "comment_key", "reason_id")
# Whose answer is the email's comment. Of two answers at the same moment the one of higher rank is later in truth.
ANSWERS = (Kind.PROCESSED, Kind.SENT, Kind.DELIVERED, Kind.BOUNCED, Kind.DROPPED, Kind.DEFERRED, Kind.HELD,
           Kind.RELEASED)  # fmt: skip
# Whether an email is held back is what the last of these says.
HOLD = ("held", "held_at", "held_key")


_TIMES, _COUNTS = list(FIRST_TIMES.values()), list(COUNTERS.values())


def _joined(form: str, columns: Iterable[str] | Mapping[Kind, str]) -> str:
    """The form for each column, with {c} for its name and {k} for its kind."""
    pairs = columns.items() if isinstance(columns, dict) else ((0, c) for c in columns)
    return ", ".join(form.format(k=int(kind), c=column) for kind, column in pairs)


FRESH = """
    insert into feeds_event (email_id, key, occurred_at, received_at, inbox_id, account_id, source_id, kind, bounce,
                             name, code, comment, url, ip, user_agent, held)
    select e.email_id, s.key, s.occurred_at, s.received_at, s.inbox_id, s.account_id, s.source_id, s.kind, s.bounce,
           s.name, s.code, s.comment, s.url, s.ip, s.user_agent, s.held
    from stage_event s join stage_email e using (n) order by 1, 2
    on conflict do nothing
    returning email_id, key, occurred_at, received_at, account_id, source_id, kind, bounce, code, comment, held
"""
ANSWER = f"""
    select distinct on (email_id) email_id, comment, code, occurred_at as comment_at,
        case when kind in ({", ".join(str(int(kind)) for kind in REASONED)}) then (
            select r.id from feeds_reason r
            where r.account_id = fresh.account_id and r.text = feeds_reason_of(fresh.comment)) end as reason_id,
        ((case when kind > {Kind.DROPPED} then 0 else kind + 1 end)::bigint << 58)
            | (key & ((1::bigint << 58) - 1)) as comment_key
    from fresh where comment <> '' and kind in ({", ".join(str(int(kind)) for kind in ANSWERS)})
    order by email_id, comment_at desc, comment_key desc
"""  # noqa: S608
HELD = f"""
    select distinct on (email_id) email_id, held, occurred_at as held_at, key as held_key
    from fresh where kind in ({Kind.HELD}, {Kind.RELEASED}) order by email_id, held_at desc, held_key desc
"""  # noqa: S608
TOLD = f"""
    select email_id,
        coalesce(max(kind) filter (where kind <= {Kind.DROPPED}), 0) as status, max(bounce) as bounce,
        min(occurred_at) as first_at, max(occurred_at) as last_at,
        bool_or(received_at - occurred_at > interval '1 hour') as is_late,
        {_joined("count(*) filter (where kind = {k}) as {c}", COUNTERS)},
        {_joined("min(occurred_at) filter (where kind = {k}) as {c}", FIRST_TIMES)}
    from fresh group by email_id
"""  # noqa: S608
_HELD_LATER = "(excluded.held_at, excluded.held_key) > (m.held_at, m.held_key) or m.held_at is null"
_LATER = "(excluded.comment_at, excluded.comment_key) > (m.comment_at, m.comment_key) or m.comment_at is null"
CHANGES = f"""
    {_joined("{c} = greatest(m.{c}, excluded.{c})", MERGED)},
    first_at = least(m.first_at, excluded.first_at),
    sender_id = case when excluded.sender > m.sender then excluded.sender_id else m.sender_id end,
    tags = case when m.tags @> excluded.tags then m.tags
                else array(select distinct unnest(m.tags || excluded.tags) order by 1) end,
    {_joined("{c} = case when " + _LATER + " then excluded.{c} else m.{c} end", COMMENT)},
    {_joined("{c} = case when " + _HELD_LATER + " then excluded.{c} else m.{c} end", HOLD)},
    {_joined("{c} = m.{c} + excluded.{c}", _COUNTS)},
    {_joined("{c} = least(m.{c}, excluded.{c})", _TIMES)},
    updated_at = excluded.updated_at
"""
# An event that is known already may still bring a sender or a subject that was not: such an email is written too.
WRITTEN = f"""
    insert into feeds_email as m (
        id, account_id, source_id, recipient_id, sender_id, is_test, message_id, recipient, sender, subject,
        argument, header_id, tags, is_late, status, bounce, first_at, last_at, {", ".join(_COUNTS)},
        {", ".join(_TIMES)}, comment, code, comment_at, comment_key, reason_id, held, held_at, held_key,
        updated_at)
    select email_id, e.account_id, e.source_id, e.recipient_id, e.sender_id, e.is_test, e.message_id, e.recipient,
        e.sender, e.subject, e.argument, e.header_id, e.tags, coalesce(t.is_late, false), coalesce(t.status, 0),
        coalesce(t.bounce, 0),
        coalesce(t.first_at, 'infinity'), coalesce(t.last_at, '-infinity'),
        {_joined("coalesce(t.{c}, 0)", _COUNTS)}, {_joined("t.{c}", _TIMES)},
        coalesce(a.comment, ''), coalesce(a.code, ''), a.comment_at, a.comment_key, a.reason_id,
        coalesce(h.held, 0), h.held_at, h.held_key, now()
    from stage_email e left join told t using (email_id) left join answer a using (email_id)
        left join hold h using (email_id)
    where t.email_id is not null or exists (
        select from feeds_email m where m.id = e.email_id and (
            e.sender > m.sender or e.subject > m.subject or e.argument > m.argument or e.is_test > m.is_test
            or e.header_id > m.header_id or not m.tags @> e.tags))
    order by email_id
    on conflict (id) do update set {CHANGES}
    returning new.account_id, new.id, old.id as old_id, new.recipient_id,
        {_joined("old.{c} as old_{c}, new.{c} as new_{c}", (*cohorts.SEEN, *_TIMES))}
"""  # noqa: S608
# An email counts where its first event of a kind occurred; an earlier one that comes later moves it there.
EMAILS_COUNTED = f"""
    select account_id, kind, at, 0 as events, emails from written
    cross join lateral (values {_joined("({k}, old_{c}, new_{c})", FIRST_TIMES)}) as f (kind, old_at, new_at)
    cross join lateral (values (new_at, 1), (old_at, -1)) as d (at, emails)
    where old_at is distinct from new_at and at is not null
"""  # noqa: S608
COUNTED = f"""
    select account_id, kind, occurred_at as at, 1 as events, 0 as emails from fresh
    union all {EMAILS_COUNTED}
"""  # noqa: S608
ROLLED = """
    insert into feeds_rollup as r (account_id, starts_at, kind, events, emails)
    select account_id, date_bin('15 minutes', at, '2020-01-01 00:00+00') as starts_at, kind, sum(events), sum(emails)
    from counted group by 1, 2, 3 having sum(events) <> 0 or sum(emails) <> 0 order by 1, 2, 3
    on conflict (account_id, starts_at, kind) do update
    set events = r.events + excluded.events, emails = r.emails + excluded.emails
"""
# The same event told by another request than the one it was first known from.
REPEATED = """
    insert into feeds_repeat (email_id, key, inbox_id, received_at)
    select e.email_id, s.key, s.inbox_id, s.received_at from (
        select n, key, inbox_id, received_at, true as is_known from stage_repeat
        union all select n, key, inbox_id, received_at, false from stage_event
    ) s join stage_email e using (n) left join feeds_event v on v.email_id = e.email_id and v.key = s.key
    where s.inbox_id is distinct from v.inbox_id and s.inbox_id is not null and (s.is_known or v.key is not null)
    order by 1, 2, 3 on conflict do nothing
"""
CHANGED = """
    insert into feeds_change (xid, account_id, at, emails)
    select pg_current_xact_id(), account_id, now(), array_agg(id order by id) from written group by account_id
"""
# Returns the number of new events per source, those after which an address must not be mailed, and the bounces.
WRITE = f"""
with fresh as ({FRESH}), answer as ({ANSWER}), hold as ({HELD}), told as ({TOLD}), written as ({WRITTEN}),
    counted as ({COUNTED}), rolled as ({ROLLED}), side as ({cohorts.sides(_TIMES)}), cohorted as ({cohorts.COHORTED}),
    dayed as ({cohorts.DAYED}), repeated as ({REPEATED}), changed as ({CHANGED})
select
    (select jsonb_object_agg(source_id, n) from (select source_id, count(*) as n from fresh group by 1) s),
    (select jsonb_agg(jsonb_build_array(
        f.account_id, e.recipient, f.kind, f.occurred_at, f.email_id, f.key, f.source_id, left(f.comment, 1000)))
     from fresh f join stage_email e using (email_id)
     where f.kind in ({Kind.UNSUBSCRIBED}, {Kind.SPAM}) or f.kind = {Kind.BOUNCED} and f.bounce = {Bounce.HARD}),
    (select jsonb_agg(jsonb_build_array(account_id, email_id, key)) from fresh where kind = {Kind.BOUNCED})
"""  # noqa: S608


IDS = "select source_id, message_id, recipient, email_id from stage_email"


def cursor(batch: Batch) -> CursorWrapper:
    """What the statements of this batch are run with."""
    return prepared.cursor() if batch.size <= FEW else connection.cursor()


def fill(cursor: Any, batch: Batch) -> None:
    """Put a batch into the temporary tables."""
    cursor.execute(STATE)
    there, full = cursor.fetchone()
    with connection.cursor() as plain:
        if not there:
            plain.execute(TABLES)
        if full:
            plain.execute(EMPTY)
    rows: dict[str, Sequence[tuple[Any, ...]]] = {
        "stage_address": batch.addresses(), "stage_email": batch.emails(), "stage_event": batch.events(),
        "stage_repeat": batch.repeats,
    }  # fmt: skip
    if batch.size <= FEW:
        cursor.execute(FILL, {table: _as_json(table, told) for table, told in rows.items()})
        return
    for table, told in rows.items():
        if told:
            with cursor.copy(f"copy {table} ({COLUMNS[table]}) from stdin") as copy:
                for row in told:
                    copy.write_row(row)


def _as_json(table: str, rows: Sequence[tuple[Any, ...]]) -> str:
    names = COLUMNS[table].split(", ")
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows])


def place(cursor: Any, batch: Batch) -> None:
    """Find or make the emails of a batch that is in the temporary tables, and all that they refer to."""
    reasons = (REASONS,) if batch.says_why(REASONED) else ()
    for statement in (*PLACE, *(TAGS if batch.is_tagged else ()), *reasons):
        cursor.execute(statement)
    cursor.execute(HOLD_ZONES)
    if cursor.fetchone() != (len(batch.account_ids),):
        cursor.execute(ADD_ZONES)
        cursor.execute(HOLD_ZONES)
    if batch.may_have_twins:
        cursor.execute(TWINS)

"""A large suppression list, made inside the database: what `suppression.causes` would have written of it.

Three accounts have 80, 15 and 5 % of the entries, which came evenly over two years. Their addresses are those of
`bench.people`; of ten addresses one is on the list for two reasons. One entry in a thousand is a domain, and each
account has twenty patterns. Of ten entries one has a second cause.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bench import people
from bench.seed import drop_indexes, run_in_thread

if TYPE_CHECKING:
    from accounts.models import Account

NAMES, SHARES = ("bench", "globex", "initech"), (80, 15, 5)
TABLES = ("suppression_suppression", "suppression_cause")
CHUNK = 250_000
PATTERNS = 20
DOMAIN_EVERY = 1000
# Of 100 entries: hard bounces, unsubscribed, spam, added by hand, invalid.
REASON = "case when r < 55 then 1 when r < 85 then 3 when r < 92 then 2 when r < 98 then 4 else 5 end"
# What bounced and what was said is an event; else half is from imports, and the others from people and the API.
ORIGIN = (
    f"case when {REASON} in (1, 2, 3) and r %% 3 > 0 then 1 when r %% 2 = 0 then 4 when r %% 4 = 1 then 2 else 3 end"
)
DRAWN = f"""
create temp table drawn on commit drop as
select %(first_id)s + n as id, n, {ORIGIN} as origin, at,
    case when n %% {DOMAIN_EVERY} = 500 then 2 else 1 end as covers, domain,
    case when n %% {DOMAIN_EVERY} = 500 then '@' || domain else local || '@' || domain end as target,
    case when n %% 10 = 9 then {REASON} %% 5 + 1 else {REASON} end as reason
from (
    select m as n, r, at, {people.LOCAL} as local,
        case when m %% {DOMAIN_EVERY} = 500 then 'list' || m || '.example' else {people.DOMAIN} end as domain
    from (
        select m, case when m %% 10 = 9 then m - 1 else m end as n,
            abs(hashint8(case when m %% 10 = 9 then m - 1 else m end)) %% 100 as r,
            date_trunc('milliseconds', %(start)s::timestamptz + m * %(step)s::interval) as at
        from generate_series(%(low)s::bigint, %(high)s::bigint - 1) m
    ) x
) x;
insert into suppression_suppression (id, account_id, target, covers, domain, reason, origin, since, until, added_at)
select id, %(account)s, target, covers, domain, reason, origin, at,
    case when n %% 500 = 7 then now() + interval '1 year' end, at
from drawn;
insert into suppression_cause (suppression_id, account_id, ident, origin, at, until, added_at, source_id, email_id,
    event_key, import_id, actor_name, comment, note)
select id, %(account)s, case origin when 1 then 'e' || n || '.' || again when 2 then 'u' || n %% 20 when 3 then 'k1'
        else 'i' || n / 1000000 end || case when again > 0 then '.2' else '' end,
    origin, at, case when n %% 500 = 7 then now() + interval '1 year' end, at,
    case when origin = 1 then 1 end, case when origin = 1 then n end, case when origin = 1 then again end,
    case when origin = 4 then n / 1000000 end,
    case origin when 2 then 'person' || n %% 20 when 3 then 'key 1' when 4 then 'person' || n %% 3 else '' end,
    case when origin = 1 and reason = 1 then '550 5.1.1 ' || target || ': no such user ' || n %% 1000 else '' end,
    case when origin = 4 then 'list ' || n / 1000000 else '' end
from drawn, generate_series(0, case when n %% 10 = 3 then 1 else 0 end) again;
drop table drawn
"""
FIXED = """
insert into suppression_suppression (account_id, target, covers, domain, reason, origin, since, added_at)
select %(account)s, 'bounce-' || n || '-*@mail.example', 4, 'mail.example', 4, 2, %(start)s, %(start)s
from generate_series(1, %(patterns)s / 2) n
union all
select %(account)s, 'trap-' || n || '-*@*.example', 4, '', 4, 2, %(start)s, %(start)s
from generate_series(1, %(patterns)s / 2) n;
insert into suppression_cause (suppression_id, account_id, ident, origin, at, added_at, actor_name, comment, note)
select id, account_id, 'u1', 2, since, added_at, 'person1', '', '' from suppression_suppression
where account_id = %(account)s and covers = 4;
"""
# What holds the primary key in its place.
LINK = """
select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'
    and conrelid = 'suppression_cause'::regclass and confrelid = 'suppression_suppression'::regclass
"""
TALLIED = """
insert into suppression_tally (account_id, reason, hour, added, removed)
select account_id, reason, date_trunc('hour', added_at, 'UTC'), count(*), 0 from suppression_suppression
group by 1, 2, 3
"""


def address(n: int) -> str:
    """One that is on the list of an account with more than n entries, unless the n-th is a domain."""
    return people.recipient(n - 1 if n % 10 == 9 else n)


def seed(entries: int) -> Account:
    """Make so many in new accounts, telling how far it is; returns the largest."""
    from django.db import connection
    from django.utils import timezone

    from accounts.models import Account

    accounts = [Account.objects.create(name=name.title(), slug=name) for name in NAMES]
    start = timezone.now() - timedelta(days=730)
    spans: list[dict[str, Any]] = []
    with connection.cursor() as cursor:
        cursor.execute(LINK)
        ((link, linked),) = cursor.fetchall()
        cursor.execute(f"alter table suppression_cause drop constraint {link}")
        indexes = drop_indexes(cursor, TABLES)
        first_id = 1
        for account, share in zip(accounts, SHARES, strict=True):
            n = entries * share // 100
            words = people.WORDS | {
                "account": account.id, "start": start, "step": timedelta(days=730) / n, "first_id": first_id,
                "patterns": PATTERNS,
            }  # fmt: skip
            spans += [words | {"low": low, "high": min(low + CHUNK, n)} for low in range(0, n, CHUNK)]
            first_id += n
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_fill, spans))
            cursor.execute("select setval(pg_get_serial_sequence('suppression_suppression', 'id'), %s)", [first_id])
            for account in accounts:
                cursor.execute(FIXED, {"account": account.id, "start": start, "patterns": PATTERNS})
            print("\n  indexes", end="", flush=True)
            list(pool.map(run_in_thread, [indexes[table] for table in TABLES]))
        cursor.execute(f"alter table suppression_cause add constraint {link} {linked}")
        cursor.execute(TALLIED)
        print(", vacuum", flush=True)
        cursor.execute("vacuum (freeze, analyze)")
    return accounts[0]


def _fill(words: dict[str, Any]) -> None:
    """One span, on a connection of this thread."""
    from django.db import connection, transaction

    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # What is made here fits together; asking ten million times whether it does takes minutes.
            cursor.execute("set local session_replication_role = replica; set local synchronous_commit = off")
            cursor.execute(DRAWN, words)
        print(f"\r  {words['first_id'] + words['high'] - 1:,} entries", end="", flush=True)
    finally:
        connection.close()

"""Many emails with all their events, made inside the database: what `feeds.lifecycle` would have written of them.

`python -m bench seed --emails 10000000` keeps them in a folder (`bench.kept`), in three accounts. Half of the mail goes
to one of four large providers; 30 % of it to a few people again and again, as Zipf says. The emails lie evenly over the
last three months, the three accounts have 80, 15 and 5 % of them, and 20 senders each.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from bench import lives, people

if TYPE_CHECKING:
    from accounts.models import Account
    from webhooks.models import Source

CHUNK = 50_000
SPREAD = timedelta(days=88)
# Of 256 emails how many are each account's.
ONE, THREE = (256,), (205, 38, 13)
# Loaded without these, and given them again at the end: many times quicker than keeping them up to date.
UNINDEXED = ("feeds_email", "feeds_event", "feeds_tagged", "feeds_message_key")
ADDRESSES = f"""
insert into feeds_domain (name)
select unnest(%(names)s::text[]) union select 'company' || n || '.example' from generate_series(0, {people.TAIL} - 1) n
order by 1 on conflict do nothing;
insert into feeds_address (id, account_id, domain_id, local, addr) overriding system value
select (%(recipient_base)s::bigint[])[a] + n, (%(accounts)s::int[])[a], d.id, local, local || '@' || name
from (select a, n, {people.LOCAL} as local, {people.DOMAIN} as name
      from generate_subscripts(%(accounts)s::int[], 1) a,
           generate_series(0::bigint, (%(recipients)s::int[])[a] - 1) n) x
join feeds_domain d using (name) order by 1;
insert into feeds_address (id, account_id, domain_id, local, addr) overriding system value
select (%(sender_base)s::bigint[])[a] + s - 1, (%(accounts)s::int[])[a], d.id, local, local || '@' || d.name
from generate_subscripts(%(accounts)s::int[], 1) a, unnest(%(sender_names)s::text[]) with ordinality x (local, s),
    feeds_domain d where d.name = (%(senders)s::text[])[a];
select setval(pg_get_serial_sequence('feeds_address', 'id'), (select max(id) from feeds_address));
analyze feeds_address, feeds_domain;
insert into feeds_day_zone (account_id, zone)
select id, time_zone from accounts_account where id = any(%(accounts)s) on conflict do nothing;
insert into feeds_tag (account_id, name)
select a, t from unnest(%(accounts)s::int[]) a, (
    select unnest(%(themes)s::text[]) t
    union all select 'campaign-' || lpad(n::text, 3, '0') from generate_series(0, 199) n
    union all select 'batch-' || n from generate_series(0, %(batches)s - 1) n) x order by 1, 2;
analyze feeds_tag;
"""
UNUSED_TAGS = """
delete from feeds_tag t where not exists (
    select from feeds_tagged e where e.account_id = t.account_id and e.tag_id = t.id)
"""


def stored(emails: int) -> Account:
    """The largest account of a database that was seeded before, or else one that is seeded now with so many emails."""
    from accounts.models import Account

    return Account.objects.filter(slug="bench").first() or seed(emails).account


def seed(emails: int, shares: Sequence[int] = ONE) -> Source:
    """Store this many emails in new accounts of these shares, telling how far it is. Returns the first one's source."""
    from django.db import connection

    sources = make_sources(shares)
    with connection.cursor() as cursor:
        words = prepare(cursor, emails, sources, shares)
        indexes = drop_indexes(cursor)
        half = emails // 2 // CHUNK * CHUNK
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda span: fill_in_thread(words, *span), [(half, emails), (0, half)]))
            print("\n  indexes", end="", flush=True)
            list(pool.map(run_in_thread, by_table(indexes)))
            finish(cursor)
            print(", vacuum", flush=True)
            list(pool.map(run_in_thread, [["vacuum (freeze, analyze) feeds_email"], ["vacuum (freeze, analyze)"]]))
    return sources[0]


def make_sources(shares: Sequence[int]) -> list[Source]:
    """An account for each share, with a source."""
    from accounts.models import Account
    from accounts.setup import free_slug
    from webhooks.models import Source

    accounts = [Account.objects.create(name="Bench", slug=free_slug("bench")) for _share in shares]
    return [Source.objects.create(account=account, name="bench", provider="plain") for account in accounts]


def prepare(cursor: Any, emails: int, sources: Sequence[Source], shares: Sequence[int]) -> dict[str, Any]:
    """Make months, addresses and tags; returns the words the statements of `bench.lives` are filled with."""
    from django.utils import timezone

    from feeds import partitions

    now = timezone.now()
    start, end = now - SPREAD, now - timedelta(seconds=lives.LONGEST_LIFE)
    for months_back in range(3, -1, -1):
        partitions.make(now - timedelta(days=30 * months_back))
    cursor.execute("select coalesce(max(id), 0) + 1 from feeds_address")
    bases = [cursor.fetchone()[0]]
    recipients = [max(10, emails * share * 15 // 25_600) for share in shares]
    for n in recipients:
        bases.append(bases[-1] + n + len(people.SENDERS))
    words: dict[str, Any] = lives.WORDS | people.WORDS | {
        "emails": emails, "start": start, "step": (end - start) / max(1, emails),
        "accounts": [source.account_id for source in sources], "sources": [source.id for source in sources],
        "recipients": recipients, "recipient_base": bases[:-1],
        "sender_base": [base + n for base, n in zip(bases[:-1], recipients, strict=True)],
        "senders": list(people.OWN_DOMAINS[: len(shares)]), "sender_names": people.SENDERS,
        "first_share": shares[0], "second_share": sum(shares[:2]), "batches": max(1, emails // 2000),
        "names": [name for _below, name in people.SHARES] + list(people.OWN_DOMAINS),
    }  # fmt: skip
    cursor.execute(ADDRESSES, words)
    cursor.execute("select setval('feeds_id_seq', nextval('feeds_id_seq') + %s)", [emails])
    return words


def fill_in_thread(words: dict[str, Any], low: int, high: int) -> None:
    """Store the emails of these numbers, on a connection of this thread."""
    from django.db import connection, transaction

    try:
        with connection.cursor() as cursor:
            cursor.execute("set temp_buffers = '128MB'; set work_mem = '128MB'; set synchronous_commit = off")
            for first in range(low, high, CHUNK):
                with transaction.atomic():
                    fill(cursor, words, first, min(first + CHUNK, high))
                print(f"\r  {first:,} of {words['emails']:,} emails", end="", flush=True)
    finally:
        connection.close()


def fill(cursor: Any, words: dict[str, Any], low: int, high: int) -> None:
    """Store the emails of these numbers, and all that is counted of them, in the transaction of the caller."""
    from feeds import cohorts

    words = words | {"low": low, "high": high}
    for statement in (lives.DRAWN, lives.TOLD, lives.EVENTS, lives.SIDE, lives.EMAILS, lives.ROLLED):
        cursor.execute(statement, words)
    cursor.execute(cohorts.COHORTED)
    cursor.execute(cohorts.DAYED)
    _store_keys(cursor)
    cursor.execute("drop table drawn, told, side")


def _store_keys(cursor: Any) -> None:
    """Which email each message means, as `feeds.batch` digests it."""
    rows: list[tuple[str, int]] = []
    with cursor.copy(lives.NAMED) as copy:
        for piece in copy.rows():
            source_id, name, recipient, email_id = piece
            named = f"{source_id}\0{name.replace('\x01', '\0')}\0{recipient}"
            rows.append((blake2b(named.encode(), digest_size=16).hexdigest(), email_id))
    with cursor.copy("copy feeds_message_key from stdin") as copy:
        copy.write("".join(f"{key}\t{email_id}\n" for key, email_id in rows))


def drop_indexes(cursor: Any, tables: Sequence[str] = UNINDEXED) -> dict[str, list[str]]:
    """Drop all indexes of large tables; returns per table the statements that make them again."""
    again: dict[str, list[str]] = {table: [] for table in tables}
    cursor.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid), '' from pg_constraint"
        " where conrelid::regclass::text = any(%(tables)s) and contype = 'p' union all"
        " select tablename, indexname, '', indexdef from pg_indexes where tablename = any(%(tables)s) and schemaname ="
        " 'public' and not exists (select from pg_constraint where conname = indexname)",
        {"tables": list(tables)},
    )
    for table, name, constraint, index in cursor.fetchall():
        cursor.execute(f"alter table {table} drop constraint {name}" if constraint else f"drop index {name}")
        made = index.replace(" ON ONLY ", " ON ")
        again[table].append(f"alter table {table} add constraint {name} {constraint}" if constraint else made)
    return again


def by_table(indexes: dict[str, list[str]]) -> list[list[str]]:
    """Two lists of statements of about the same work."""
    return [indexes["feeds_email"], [one for table in UNINDEXED[1:] for one in indexes[table]]]


def run_in_thread(statements: Sequence[str]) -> None:
    from django.db import connection

    try:
        with connection.cursor() as cursor:
            cursor.execute("set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 0")
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def finish(cursor: Any) -> None:
    """What is made of all emails at once; the indexes are there again."""
    cursor.execute(lives.SUPPRESSED)
    cursor.execute(UNUSED_TAGS)

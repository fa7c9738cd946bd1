"""Many emails with their events, made inside the database in the proportions of a real sender.

Half of the mail goes to one of three large providers, recipients come again with every seventh email, and the emails
lie evenly over the last four weeks. What is stored is what `feeds.lifecycle` would have written.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from webhooks.models import Source

CHUNK = 100_000
SPREAD = timedelta(days=28)
DOMAINS = ("gmail.com", "outlook.com", "yahoo.com", "tail")
TAIL = 5000
SENDERS = 20


def recipient(n: int) -> str:
    """The address of the n-th recipient; the SQL below makes the same."""
    domain = DOMAINS[n % 4] if n % 4 < 3 else f"company{n % TAIL}.example"
    return f"person.{n}@{domain}"


ADDRESSES = """
insert into feeds_domain (name)
select unnest(array['gmail.com', 'outlook.com', 'yahoo.com', 'acme.example'])
union select 'company' || n || '.example' from generate_series(0, %(tail)s - 1) n order by 1 on conflict do nothing;
insert into feeds_address (account_id, domain_id, local, addr)
select %(account)s, d.id, local, local || '@' || name from (
    select 'person.' || n as local,
           case n %% 4 when 0 then 'gmail.com' when 1 then 'outlook.com' when 2 then 'yahoo.com'
                else 'company' || n %% %(tail)s || '.example' end as name
    from generate_series(0, %(recipients)s - 1) n
    union all select 'sender' || n, 'acme.example' from generate_series(0, %(senders)s - 1) n
) a join feeds_domain d using (name) on conflict do nothing
"""
# Of a thousand emails: 565 delivered, 290 opened, 80 clicked, 30 bounced, 15 dropped, and a few of each other status.
EMAILS = """
create temp table seeded as
select feeds_id(at, i) as id, i, at, r.id as recipient_id, r.addr as recipient, s.id as sender_id, s.addr as sender,
    case when p < 565 then 2 when p < 855 then 4 when p < 935 then 5 when p < 965 then 3 when p < 980 then 8
         when p < 990 then 1 when p < 995 then 0 when p < 999 then 6 else 7 end as status
from (select i, %(start)s::timestamptz + i * %(step)s::interval as at, (i::bigint * 7919 %% 1000)::int as p,
             'person.' || i %% %(recipients)s as local, i %% %(recipients)s as r
      from generate_series(%(low)s, %(high)s - 1) i) n
join feeds_address r on r.account_id = %(account)s and r.addr = n.local || '@' || case n.r %% 4 when 0 then 'gmail.com'
    when 1 then 'outlook.com' when 2 then 'yahoo.com' else 'company' || n.r %% %(tail)s || '.example' end
join feeds_address s on s.account_id = %(account)s and s.addr = 'sender' || i %% %(senders)s || '@acme.example'
order by i;
create temp table seeded_event as
select s.id, s.i, k.kind, s.at + k.kind * interval '7 seconds' as at from seeded s
join unnest(array[0, 2, 3, 4, 5, 6, 7, 8]) k (kind) on k.kind = 0 or k.kind = s.status
    or k.kind = 2 and s.status in (4, 5, 6, 7) or k.kind = 4 and s.status = 5;
insert into feeds_event (email_id, key, occurred_at, received_at, account_id, source_id, kind, bounce, name, code,
                         comment, url, ip, user_agent)
select id, hashint8extended(i, kind), at, at, %(account)s, %(source)s, kind, case kind when 3 then 2 else 0 end, 'seed',
    '', case kind when 2 then '250 2.0.0 OK' when 3 then '550 5.1.1 user unknown' else '' end, '', '', ''
from seeded_event order by id, 2;
"""


def _finish() -> str:
    from feeds.events import Kind
    from feeds.staging import FIRST_TIMES

    times = [(int(kind), column) for kind, column in FIRST_TIMES.items()]
    firsts = ", ".join(f"min(v.at) filter (where v.kind = {kind})" for kind, _column in times)
    return f"""
    insert into feeds_email (id, sender_id, recipient_id, first_at, last_at, updated_at, account_id, source_id, opens,
        clicks, machine_opens, machine_clicks, deferrals, status, bounce, is_test, sender, recipient, message_id,
        subject, argument, code, comment, tags, {", ".join(column for _kind, column in times)})
    select s.id, s.sender_id, s.recipient_id, min(v.at), max(v.at), now(), %(account)s, %(source)s,
        count(*) filter (where v.kind = {Kind.OPENED}), count(*) filter (where v.kind = {Kind.CLICKED}), 0, 0, 0,
        s.status, case s.status when 3 then 2 else 0 end, false, s.sender, s.recipient, 'seed-' || s.i,
        'Your order ' || s.i, '', '', case s.status when 3 then '550 5.1.1 user unknown' else '250 2.0.0 OK' end,
        array['seed'], {firsts}
    from seeded s join seeded_event v using (id)
    group by s.id, s.i, s.sender_id, s.recipient_id, s.sender, s.recipient, s.status order by s.id;
    insert into feeds_rollup as r (account_id, starts_at, kind, events, emails)
    select %(account)s, date_bin('15 minutes', at, '2020-01-01 00:00+00'), kind, count(*), count(*)
    from seeded_event group by 2, 3
    on conflict (account_id, starts_at, kind) do update
    set events = r.events + excluded.events, emails = r.emails + excluded.emails;
    """


def seed(emails: int) -> Source:
    """Store this many emails in a new account and return its source. Prints how far it is."""
    from django.db import connection
    from django.utils import timezone

    from accounts.models import Account
    from accounts.setup import free_slug
    from webhooks.models import Source

    account = Account.objects.create(name="Bench", slug=free_slug("bench"))
    source = Source.objects.create(account=account, name="bench", provider="plain")
    words: dict[str, Any] = {
        "account": account.id, "source": source.id, "tail": TAIL, "senders": SENDERS,
        "recipients": max(1, emails // 7), "start": timezone.now() - SPREAD, "step": SPREAD / max(1, emails),
    }  # fmt: skip
    finish = _finish()
    with connection.cursor() as cursor:
        cursor.execute(ADDRESSES, words)
        cursor.execute("analyze feeds_address, feeds_domain")
        for low in range(0, emails, CHUNK):
            span = {"low": low, "high": min(low + CHUNK, emails)}
            cursor.execute(EMAILS, words | span)
            cursor.execute(finish, words | span)
            _store_keys(cursor, source.id, words["recipients"], **span)
            cursor.execute("drop table seeded, seeded_event")
            print(f"  {span['high']:,} of {emails:,} emails", end="\r", flush=True)
        cursor.execute("select setval('feeds_id_seq', %s)", [emails + 1])
        cursor.execute("vacuum analyze feeds_email, feeds_event, feeds_message_key, feeds_address, feeds_rollup")
    print()
    return source


def _store_keys(cursor: Any, source_id: int, recipients: int, low: int, high: int) -> None:
    """Which email each message means, as the lifecycle digests it."""
    cursor.execute("select id, i from seeded order by i")
    with cursor.connection.cursor() as reader, reader.copy("copy feeds_message_key from stdin") as copy:
        for email_id, i in cursor.fetchall():
            named = f"{source_id}\0seed-{i}\0{recipient(i % recipients)}"
            copy.write_row((blake2b(named.encode(), digest_size=16).hexdigest(), email_id))

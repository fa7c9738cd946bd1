"""What happens to the emails of a seeded database: as SQL that draws a life for each, always the same for its number.

Of a thousand emails 565 end as delivered, 290 opened, 80 clicked, 30 bounced, 15 dropped, and a few as each other
status; every third event of theirs a server answered for in words as real servers use them.
"""

from __future__ import annotations

from bench.people import DOMAIN, LOCAL
from feeds.events import Kind, Status
from feeds.staging import ANSWERS, COUNTERS, FIRST_TIMES, REASONED

# Code, bounce (2 hard, 1 soft), answer. Earlier ones are more common.
BOUNCES = (
    ("5.1.1", 2, "550-5.1.1 The email account that you tried to reach does not exist. Please try again. {id} - gsmtp"),
    ("5.1.1", 2, "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table"),
    ("5.2.2", 1, "552-5.2.2 The recipient's inbox is out of storage space and inactive. {id} - gsmtp"),
    ("5.1.10", 2, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {to} not found by SMTP address lookup"),
    ("5.2.1", 2, "550 5.2.1 The email account that you tried to reach is disabled. {id} - gsmtp"),
    ("5.4.1", 2, "550 5.4.1 Recipient address rejected: Access denied. [AM7EUR06FT{n}.eop-eur06.prod.outlook.com]"),
    ("5.7.1", 1, "550 5.7.1 Service unavailable; client host [192.0.2.17] blocked using Spamhaus"),
    ("5.0.0", 2, "554 delivery error: dd This user doesn't have a yahoo.com account ({to}) [0] - mta{n}.yahoo.com"),
    ("5.7.26", 1, "550-5.7.26 This mail has been blocked because the sender is unauthenticated. {id} - gsmtp"),
    ("5.2.2", 1, "552 5.2.2 <{to}>: user is over quota: mailbox full"),
    ("5.7.509", 1, "550 5.7.509 Access denied, sending domain does not pass DMARC verification [{id}]"),
    ("5.3.4", 1, "552 5.3.4 Message size exceeds fixed limit"),
    ("5.1.2", 2, "5.1.2 The recipient's domain has no mail server"),
    ("5.4.6", 1, "554 5.4.6 Too many hops {n}, limit is 30"),
    ("5.6.0", 1, "554 5.6.0 Message content rejected, queue id {id}"),
)
DEFERRALS = (
    ("4.7.0", "450 4.7.0 <{to}>: Recipient address rejected: Greylisted, see https://postgrey.example/help/{id}"),
    ("4.2.2", "452-4.2.2 The recipient's inbox is out of storage space. {id} - gsmtp"),
    ("4.7.28", "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail from your address. {id} - gsmtp"),
    ("4.4.2", "421 4.4.2 mx{n}.example Error: timeout exceeded"),
    ("4.3.2", "451 4.3.2 Please try again later"),
)
DROPS = ("On the suppression list: hard bounce", "On the suppression list: unsubscribed", "Invalid address")
DELIVERIES = (
    ("2.0.0", "250 2.0.0 OK  1785504000 {id}.89 - gsmtp"),
    ("2.6.0", "250 2.6.0 <{id}@mail.acme.example> Queued mail for delivery"),
    ("2.0.0", "250 2.0.0 Ok: queued as {id}"),
)
THEMES = ("receipt", "newsletter", "reset", "invoice", "welcome")
SUBJECTS = ("Your order {i} is on its way", "News of the week: {w} offers for you", "Set your password anew",
            "Invoice 2026-{i}", "Welcome, and thank you")  # fmt: skip
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605",
)
PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"

# Kind, how often already, for which statuses, of 1,024 such emails how many, from which second on, within how many.
ALL = tuple(Status)
REACHED = (Status.DELIVERED, Status.OPENED, Status.CLICKED, Status.UNSUBSCRIBED, Status.SPAM)
TOUCHED = (Status.OPENED, Status.CLICKED, Status.UNSUBSCRIBED, Status.SPAM)
STEPS: tuple[tuple[Kind, int, tuple[Status, ...], int, int, int], ...] = (
    (Kind.PROCESSED, 0, ALL, 1024, 0, 1),
    (Kind.SENT, 0, (Status.SENT,), 1024, 1, 1),
    (Kind.SENT, 0, (*REACHED, Status.BOUNCED), 256, 1, 1),
    (Kind.DEFERRED, 0, (Status.DELIVERED, Status.OPENED, Status.CLICKED, Status.BOUNCED), 41, 30, 60),
    (Kind.DEFERRED, 1, (Status.DELIVERED, Status.OPENED, Status.CLICKED, Status.BOUNCED), 20, 600, 60),
    (Kind.DEFERRED, 0, (Status.SENT,), 512, 30, 60),
    (Kind.DEFERRED, 1, (Status.SENT,), 256, 600, 60),
    (Kind.DELIVERED, 0, REACHED, 1024, 2, 8),
    (Kind.BOUNCED, 0, (Status.BOUNCED,), 1024, 3, 8),
    (Kind.DROPPED, 0, (Status.DROPPED,), 1024, 1, 1),
    (Kind.MACHINE_OPENED, 0, REACHED, 205, 11, 5),
    (Kind.MACHINE_OPENED, 1, REACHED, 50, 60, 100),
    (Kind.MACHINE_CLICKED, 0, REACHED, 31, 12, 9),
    (Kind.OPENED, 0, (Status.OPENED,), 1024, 40, 3000),
    (Kind.OPENED, 0, (Status.CLICKED, Status.UNSUBSCRIBED, Status.SPAM), 900, 40, 3000),
    (Kind.OPENED, 1, TOUCHED, 307, 3100, 400),
    (Kind.OPENED, 2, TOUCHED, 100, 3600, 600),
    (Kind.CLICKED, 0, (Status.CLICKED,), 1024, 60, 3000),
    (Kind.CLICKED, 0, (Status.UNSUBSCRIBED,), 512, 60, 3000),
    (Kind.CLICKED, 1, (Status.CLICKED,), 256, 3100, 400),
    (Kind.UNSUBSCRIBED, 0, (Status.UNSUBSCRIBED,), 1024, 90, 3000),
    (Kind.SPAM, 0, (Status.SPAM,), 1024, 120, 3000),
    (Kind.AUTO_REPLIED, 0, REACHED, 2, 20, 30),
    (Kind.UNKNOWN, 0, ALL, 1, 20, 30),
)
# A server that refused at first took an hour longer; nothing of a life is further than this from its beginning.
RETRIED_SECONDS, LATE_SECONDS, LONGEST_LIFE = 3600, 5400, 14_400


def _odds(kind: str) -> str:
    """A number below 1,024 that an email has for this kind of event."""
    return f"(hashint8extended(i, 100 + {kind}) & 1023)"


def _answers() -> dict[str, list[object]]:
    return {
        "bounces": [text for _code, _class, text in BOUNCES], "bounce_codes": [code for code, _class, _text in BOUNCES],
        "bounce_classes": [hard for _code, hard, _text in BOUNCES],
        "deferrals": [text for _code, text in DEFERRALS], "deferral_codes": [code for code, _text in DEFERRALS],
        "deliveries": [text for _code, text in DELIVERIES], "delivery_codes": [code for code, _text in DELIVERIES],
        "drops": list(DROPS), "themes": list(THEMES), "subjects": list(SUBJECTS), "browsers": list(BROWSERS),
    }  # fmt: skip


WORDS = _answers()

# The emails from number `low` up to `high`: whose, from and to whom, and how they end. Offset 0 keeps each draw one.
DRAWN = f"""
create temp table drawn on commit drop as
select d.*, feeds_id(at, i) as id, (%(accounts)s::int[])[a] as account_id, (%(sources)s::int[])[a] as source_id,
    (%(recipient_base)s::bigint[])[a] + n as recipient_id, (%(sender_base)s::bigint[])[a] + s as sender_id,
    {LOCAL} || '@' || {DOMAIN} as recipient, (%(senders)s::text[])[a] as own,
    case when p < 565 then 2 when p < 855 then 4 when p < 935 then 5 when p < 965 then 3 when p < 980 then 8
         when p < 990 then 1 when p < 995 then 0 when p < 999 then 6 else 7 end as status,
    h3 >> 44 & 8191 = 0 as is_orphan, h2 >> 40 & 1023 < 5 as is_late
from (
    select i, h1, h2, h3, a, %(start)s::timestamptz + i * %(step)s::interval as at,
        case when (h1 >> 16 & 1023) < 307
             then floor(power((%(recipients)s::int[])[a], (h1 >> 26 & 2147483647) / 2147483648.0::float8))::bigint - 1
             else (h2 & 2147483647) * (%(recipients)s::int[])[a] >> 31 end as n,
        floor(power(21::float8, (h3 & 65535) / 65536.0::float8))::int - 1 as s,
        ((h2 >> 31 & 1048575) %% 1000)::int as p,
        case when h3 >> 16 & 255 < 128 then 1 when h3 >> 16 & 255 < 205 then 2 when h3 >> 16 & 255 < 230 then 3
             when h3 >> 16 & 255 < 250 then 4 else 5 end as theme,
        case when h3 >> 24 & 1023 < 5 then h3 >> 34 & 16777215 end as pick
    from (
        select i, h1, hashint8extended(i, 2) as h2, hashint8extended(i, 3) as h3,
            case when h1 & 255 < %(first_share)s then 1 when h1 & 255 < %(second_share)s then 2 else 3 end as a
        from (select i, hashint8extended(i, 1) as h1 from generate_series(%(low)s::bigint, %(high)s - 1) i offset 0) x
        offset 0
    ) x offset 0
) d;
"""
_STEP_ROWS = ", ".join(
    f"({kind}, {nth}, {sum(1 << status for status in statuses)}, {odds}, {begin}, {within}, '{kind.name.lower()}')"
    for kind, nth, statuses, odds, begin, within in STEPS
)
TOLD = f"""
create temp table told on commit drop as
select *, case when kind = {Kind.BOUNCED} then (%(bounce_classes)s::smallint[])[pick] else 0::smallint end as bounce,
    case kind when {Kind.BOUNCED} then (%(bounce_codes)s::text[])[pick]
        when {Kind.DEFERRED} then (%(deferral_codes)s::text[])[pick]
        when {Kind.DELIVERED} then (%(delivery_codes)s::text[])[pick] else '' end as code,
    replace(replace(replace(case kind when {Kind.BOUNCED} then (%(bounces)s::text[])[pick]
        when {Kind.DEFERRED} then (%(deferrals)s::text[])[pick]
        when {Kind.DELIVERED} then (%(deliveries)s::text[])[pick]
        when {Kind.DROPPED} then (%(drops)s::text[])[pick] else '' end,
        '{{to}}', recipient), '{{id}}', to_hex(key)), '{{n}}', (i %% 97)::text) as comment
from (
    select d.id as email_id, d.i, d.account_id, d.source_id, d.recipient, k.kind::smallint, k.name,
        hashint8extended(d.i, 1000 + k.kind * 10 + k.nth) as key,
        case k.kind when {Kind.BOUNCED} then floor(power({len(BOUNCES)}::float8, t.u))
            when {Kind.DEFERRED} then floor(power({len(DEFERRALS)}::float8, t.u))
            when {Kind.DELIVERED} then floor(power({len(DELIVERIES)}::float8, t.u))
            when {Kind.DROPPED} then floor(power({len(DROPS)}::float8, t.u)) end::int as pick,
        d.at + (k.begins + t.r %% k.within + case when k.kind not in ({Kind.PROCESSED}, {Kind.SENT}, {Kind.DEFERRED})
            and {_odds(str(int(Kind.DEFERRED)))} < 41 then {RETRIED_SECONDS} else 0 end) * interval '1 second' as at,
        case when d.is_late and k.kind in ({Kind.DELIVERED}, {Kind.BOUNCED}) then {LATE_SECONDS} else 1 + t.r %% 3 end
            * interval '1 second' as under_way
    from drawn d
    join (values {_STEP_ROWS}) k (kind, nth, statuses, odds, begins, within, name)
        on 1 << d.status & k.statuses > 0 and {_odds("kind")} < k.odds
        and (not d.is_orphan or k.kind = d.status and k.nth = 0)
    cross join lateral (select hashint8extended(d.i, 2000 + k.kind * 10 + k.nth) & 1048575 as r,
        (hashint8extended(d.i, 3000 + k.kind) & 65535) / 65536.0::float8 as u) t
    offset 0
) e;
"""
_REASONED, _ANSWERS = (", ".join(str(int(kind)) for kind in kinds) for kinds in (REASONED, ANSWERS))
EVENTS = f"""
insert into feeds_event (email_id, key, occurred_at, received_at, account_id, source_id, kind, bounce, name, code,
                         comment, url, ip, user_agent)
select email_id, key, at, at + under_way, account_id, source_id, kind, bounce, name, code, comment,
    case when kind in ({Kind.CLICKED}, {Kind.MACHINE_CLICKED}) then 'https://shop.example/orders/' || i else '' end,
    case when kind in ({Kind.OPENED}, {Kind.CLICKED}, {Kind.MACHINE_OPENED}, {Kind.MACHINE_CLICKED})
         then '198.51.100.' || (key & 255) else '' end,
    case when kind in ({Kind.OPENED}, {Kind.CLICKED}) then (%(browsers)s::text[])[1 + i %% {len(BROWSERS)}]
         when kind in ({Kind.MACHINE_OPENED}, {Kind.MACHINE_CLICKED}) then '{PROXY}' else '' end
from told order by email_id, key;
insert into feeds_reason (account_id, text)
select distinct account_id, feeds_reason_of(comment) as text from told
where comment <> '' and kind in ({_REASONED})
except select account_id, text from feeds_reason order by 1, 2 on conflict do nothing;
"""


def _columns(form: str, columns: dict[Kind, str]) -> str:
    return ", ".join(form.format(k=int(kind), c=column) for kind, column in columns.items())


_COUNTS, _TIMES = ", ".join(COUNTERS.values()), ", ".join(FIRST_TIMES.values())
# One row per email, with what feeds.cohorts looks at, too: `side`, as the lifecycle calls it.
SIDE = f"""
create temp table side on commit drop as
select d.id, d.account_id, d.source_id, case when not d.is_orphan then d.sender_id end as sender_id, d.recipient_id,
    d.recipient, d.is_orphan, d.i, 1 as sign, d.own, d.s, d.theme, d.h1, d.h2, v.*, a.comment, a.code, a.comment_at,
    a.comment_key, a.reason_id,
    case when d.is_orphan then '{{}}' else array_remove(array[
        'batch-' || d.pick %% %(batches)s,
        case when d.theme = 2 and d.h2 >> 44 & 3 = 0
             then 'campaign-' || lpad((d.i * 200 / %(emails)s)::text, 3, '0') end,
        (%(themes)s::text[])[d.theme]], null) end as tags
from drawn d
join (
    select email_id, coalesce(max(kind) filter (where kind <= {Kind.DROPPED}), 0)::smallint as status,
        max(bounce) as bounce, min(at) as first_at, max(at) as last_at,
        bool_or(under_way > interval '1 hour') as is_late,
        {_columns("count(*) filter (where kind = {k}) as {c}", COUNTERS)},
        {_columns("min(at) filter (where kind = {k}) as {c}", FIRST_TIMES)}
    from told group by email_id
) v on v.email_id = d.id
left join (
    select distinct on (email_id) email_id, comment, code, at as comment_at,
        case when kind in ({_REASONED}) then (
            select r.id from feeds_reason r
            where r.account_id = told.account_id and r.text = feeds_reason_of(told.comment)) end as reason_id,
        ((case when kind = {Kind.DEFERRED} then 0 else kind + 1 end)::bigint << 58)
            | (key & ((1::bigint << 58) - 1)) as comment_key
    from told where comment <> '' and kind in ({_ANSWERS})
    order by email_id, comment_at desc, comment_key desc
) a on a.email_id = d.id;
"""
EMAILS = f"""
insert into feeds_email (id, sender_id, recipient_id, first_at, last_at, updated_at, account_id, source_id, status,
    bounce, is_test, is_late, sender, recipient, message_id, subject, argument, header_id, code, comment, tags,
    comment_at, comment_key, reason_id, {_COUNTS}, {_TIMES})
select id, sender_id, recipient_id, first_at, last_at, last_at, account_id,
    source_id, status, bounce, h2 >> 50 & 1023 = 0, is_late,
    case when is_orphan then '' else (%(sender_names)s::text[])[s + 1] || '@' || own end, recipient,
    case when is_orphan then '' else 'seed-' || i end,
    case when is_orphan then '' else replace(replace((%(subjects)s::text[])[theme], '{{i}}', i::text),
                                             '{{w}}', (2 + h2 >> 32 & 63)::text) end,
    case when is_orphan or theme not in (1, 4) then '' else (%(themes)s::text[])[theme] || '-' || i end,
    case when is_orphan or h1 >> 58 & 15 < 5 then '' else to_hex(h1) || to_hex(h2) || '@mail.' || own end,
    coalesce(code, ''), coalesce(comment, ''),
    tags, comment_at, comment_key, reason_id, {_COUNTS}, {_TIMES}
from side order by id;
insert into feeds_tagged (account_id, tag_id, email_id)
select s.account_id, t.id, s.id from side s cross join lateral unnest(s.tags) as n (name)
join feeds_tag t on t.account_id = s.account_id and t.name = n.name order by 1, 2, 3;
"""
ROLLED = f"""
insert into feeds_rollup as r (account_id, starts_at, kind, events, emails)
select account_id, date_bin('15 minutes', at, '2020-01-01 00:00+00') as starts_at, kind, sum(events), sum(emails)
from (select account_id, kind, at, 1 as events, 0 as emails from told
      union all select account_id, f.kind, f.at, 0, 1 from side
      cross join lateral (values {_columns("({k}, {c})", FIRST_TIMES)}) f (kind, at) where f.at is not null) c
group by 1, 2, 3 order by 1, 2, 3
on conflict (account_id, starts_at, kind) do update
set events = r.events + excluded.events, emails = r.emails + excluded.emails;
insert into feeds_source_hour as h (source_id, starts_at, requests, events, duplicates, waited_ms, late_ms)
select source_id, date_trunc('hour', at + under_way, 'UTC'), 1 + count(*) / 100, count(*), 0, 0,
    sum(extract(epoch from under_way) * 1000)::bigint
from told group by 1, 2 order by 1, 2
on conflict (source_id, starts_at) do update set requests = h.requests + excluded.requests,
    events = h.events + excluded.events, late_ms = h.late_ms + excluded.late_ms;
"""
NAMED = """
copy (select s.source_id, case when s.is_orphan then E'\\x01' || t.key else 'seed-' || s.i end, s.recipient, s.id
      from side s left join told t on s.is_orphan and t.email_id = s.id) to stdout
"""
SUPPRESSED = f"""
create temp table cause as
select v.account_id, e.recipient as target, split_part(e.recipient, '@', 2) as domain,
    case v.kind when {Kind.BOUNCED} then 1 when {Kind.SPAM} then 2 else 3 end as reason, v.occurred_at as at,
    v.source_id, v.email_id, v.key, left(v.comment, 1000) as comment
from feeds_event v join feeds_email e on e.id = v.email_id
where e.recipient <> ''
    and (v.kind in ({Kind.UNSUBSCRIBED}, {Kind.SPAM}) or v.kind = {Kind.BOUNCED} and v.bounce = 2);
insert into suppression_suppression (account_id, target, covers, domain, reason, origin, since, added_at)
select account_id, target, 1, domain, reason, 1, min(at), min(at) from cause
group by account_id, target, domain, reason order by account_id, target, reason;
insert into suppression_cause (suppression_id, account_id, ident, origin, at, added_at, source_id, email_id, event_key,
    actor_name, comment, note)
select s.id, s.account_id, 'e' || email_id || '.' || key, 1, at, at, source_id, email_id, key, '', comment, ''
from cause c join suppression_suppression s using (account_id, target, reason);
insert into suppression_tally (account_id, reason, hour, added, removed)
select account_id, reason, date_trunc('hour', added_at, 'UTC'), count(*), 0 from suppression_suppression
group by 1, 2, 3;
drop table cause
"""

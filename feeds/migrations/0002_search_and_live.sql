-- What finding, watching and counting need beside the tables of the road in (docs/decisions/feed.md):
-- ordered streams of ids for whatever people search by, exact counts of emails, and a log of which emails changed.

-- The moment an id was made for; the inverse of feeds_id().
create function feeds_time(id bigint) returns timestamptz language sql immutable parallel safe
    return to_timestamp(((id >> 20) + 1577836800000) / 1000.0);

-- What a server answered, without what differs from one email to the next: so that replies of one kind are one reason.
create function feeds_reason_of(comment text) returns text language sql immutable parallel safe
    return left(btrim(
        regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
            left(comment, 1000),
            '\s+', ' ', 'g'),
            'https?://[^\s<>()"]+', '<link>', 'gi'),
            '<?[^\s<>@"(),:;]+@[^\s<>@"(),:;]+>?', '<address>', 'g'),
            '\m\d{1,3}(\.\d{1,3}){3}\M', '<ip>', 'g'),
            '\m([[:alnum:]-]+\.)+[[:alpha:]]{2,}\M', '<host>', 'g'),
            '\m(?=[[:alnum:]_.-]*[[:alpha:]])(?=[[:alnum:]_.-]*\d)[[:alnum:]_.-]{8,}\M', '<id>', 'g'),
            '\m\d{5,}\M', '<number>', 'g')
    ), 200);

alter table feeds_email
    add column header_id text collate "C" not null default '',
    add column is_late bool not null default false,
    add column unknowns int not null default 0,
    add column reason_id int;
-- Exact ids in order of time, whatever their length: a digest, then the id. None of these columns changes once it is
-- told, so the indexes leave updates in place.
create index feeds_email_message on feeds_email (account_id, hashtextextended(message_id, 0), id) where message_id <>
    '';
create index feeds_email_header on feeds_email (account_id, hashtextextended(header_id, 0), id) where header_id <> '';
create index feeds_email_argument on feeds_email (account_id, hashtextextended(argument, 0), id) where argument <> '';
create index feeds_email_orphan on feeds_email (account_id, id) where message_id = '';

-- An email's code changes, its events' codes do not: of the emails found here the feed shows those that still have it.
-- Codes of success are on half of all emails; these are found by looking through the newest.
create index feeds_event_code on feeds_event (account_id, code text_pattern_ops, email_id) where code >= '4';

create table feeds_tag (
    id int generated always as identity primary key,
    account_id int not null,
    name text collate "C" not null,
    unique (account_id, name)
);
create table feeds_tagged (
    account_id int not null,
    tag_id int not null,
    email_id bigint not null,
    primary key (account_id, tag_id, email_id)
) partition by range (email_id);
create table feeds_tagged_default partition of feeds_tagged default;

create table feeds_reason (
    id int generated always as identity primary key,
    account_id int not null,
    text text collate "C" not null,
    unique (account_id, text)
);

-- The same fact told again by another request: when, and by which.
create table feeds_repeat (
    email_id bigint not null,
    key bigint not null,
    inbox_id bigint not null,
    received_at timestamptz not null,
    primary key (email_id, key, inbox_id)
) partition by range (email_id);
create table feeds_repeat_default partition of feeds_repeat default;

-- How many of the emails that stand in a quarter of an hour were ever delivered, opened ..., and what they are now.
create table feeds_cohort (
    account_id int not null,
    starts_at timestamptz not null,
    emails bigint not null,
    sent bigint not null,
    deferred bigint not null,
    delivered bigint not null,
    bounced bigint not null,
    opened bigint not null,
    opened_any bigint not null,
    clicked bigint not null,
    clicked_any bigint not null,
    unsubscribed bigint not null,
    spam bigint not null,
    dropped bigint not null,
    status_0 bigint not null,
    status_1 bigint not null,
    status_2 bigint not null,
    status_3 bigint not null,
    status_4 bigint not null,
    status_5 bigint not null,
    status_6 bigint not null,
    status_7 bigint not null,
    status_8 bigint not null,
    primary key (account_id, starts_at)
) with (fillfactor = 50);

-- The same per day, by sender (1: id of the address, 0 without), recipient's domain (2) and reason (3).
create table feeds_day (
    account_id int not null,
    day date not null,
    dimension smallint not null,
    value bigint not null,
    emails bigint not null,
    sent bigint not null,
    deferred bigint not null,
    delivered bigint not null,
    bounced bigint not null,
    opened bigint not null,
    opened_any bigint not null,
    clicked bigint not null,
    clicked_any bigint not null,
    unsubscribed bigint not null,
    spam bigint not null,
    dropped bigint not null,
    primary key (account_id, dimension, day, value)
) with (fillfactor = 50);

-- The zone an account's days are counted in; who counts holds the row, who recounts in another zone locks it.
create table feeds_day_zone (
    account_id int primary key,
    zone text not null
);

-- Which emails a transaction wrote. Whoever watches asks for the transactions their last snapshot did not see, so that
-- none is missed and none told twice, in whatever order they commit.
create table feeds_change (
    xid xid8 not null,
    account_id int not null,
    at timestamptz not null,
    emails bigint[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index feeds_change_xid on feeds_change (xid);
create index feeds_change_at on feeds_change (at);

-- The months that the other tables have.
do $$
declare
    part record;
    name text;
begin
    for part in
        select c.relname, pg_get_expr(c.relpartbound, c.oid) as bound
        from pg_inherits join pg_class c on c.oid = inhrelid
        where inhparent = 'feeds_event'::regclass and c.relname ~ '_[0-9]{6}$'
    loop
        foreach name in array array['feeds_tagged', 'feeds_repeat'] loop
            execute format('create table %I partition of %I %s',
                name || right(part.relname, 7), name, part.bound);
        end loop;
    end loop;
end $$;

-- What is stored already.
insert into feeds_tag (account_id, name)
select distinct account_id, unnest(tags) from feeds_email order by 1, 2;
insert into feeds_tagged (account_id, tag_id, email_id)
select e.account_id, t.id, e.id from feeds_email e cross join lateral unnest(e.tags) as n (name)
join feeds_tag t on t.account_id = e.account_id and t.name = n.name;
update feeds_email e set is_late = v.is_late, unknowns = v.unknowns
from (select email_id, bool_or(received_at - occurred_at > interval '1 hour') as is_late,
             count(*) filter (where kind = 29) as unknowns from feeds_event group by 1) v
where v.email_id = e.id and (v.is_late or v.unknowns > 0);
-- A comment's key begins with what kind of event it is of: 0 deferred, 4 bounced, 9 dropped.
insert into feeds_reason (account_id, text)
select distinct account_id, feeds_reason_of(comment) from feeds_email
where comment <> '' and comment_key >> 58 in (0, 4, 9) order by 1, 2;
update feeds_email e set reason_id = r.id from feeds_reason r
where comment <> '' and comment_key >> 58 in (0, 4, 9)
    and r.account_id = e.account_id and r.text = feeds_reason_of(e.comment);
insert into feeds_day_zone select id, time_zone from accounts_account;
insert into feeds_cohort (account_id, starts_at,
    emails, sent, deferred, delivered, bounced, opened, opened_any, clicked, clicked_any, unsubscribed, spam,
    dropped, status_0, status_1, status_2, status_3, status_4, status_5, status_6, status_7, status_8)
select account_id, date_bin('15 minutes', feeds_time(id), '2020-01-01 00:00+00'),
    count(*) filter (where true),
    count(*) filter (where sent_at is not null),
    count(*) filter (where deferred_at is not null),
    count(*) filter (where delivered_at is not null),
    count(*) filter (where bounced_at is not null),
    count(*) filter (where opened_at is not null),
    count(*) filter (where (opened_at is not null or machine_opened_at is not null)),
    count(*) filter (where clicked_at is not null),
    count(*) filter (where (clicked_at is not null or machine_clicked_at is not null)),
    count(*) filter (where unsubscribed_at is not null),
    count(*) filter (where spam_at is not null),
    count(*) filter (where dropped_at is not null),
    count(*) filter (where status = 0),
    count(*) filter (where status = 1),
    count(*) filter (where status = 2),
    count(*) filter (where status = 3),
    count(*) filter (where status = 4),
    count(*) filter (where status = 5),
    count(*) filter (where status = 6),
    count(*) filter (where status = 7),
    count(*) filter (where status = 8)
from feeds_email group by 1, 2;
insert into feeds_day (account_id, day, dimension, value,
    emails, sent, deferred, delivered, bounced, opened, opened_any, clicked, clicked_any, unsubscribed, spam,
    dropped)
select e.account_id, (feeds_time(e.id) at time zone z.zone)::date, v.dimension, v.value,
    count(*) filter (where true),
    count(*) filter (where sent_at is not null),
    count(*) filter (where deferred_at is not null),
    count(*) filter (where delivered_at is not null),
    count(*) filter (where bounced_at is not null),
    count(*) filter (where opened_at is not null),
    count(*) filter (where (opened_at is not null or machine_opened_at is not null)),
    count(*) filter (where clicked_at is not null),
    count(*) filter (where (clicked_at is not null or machine_clicked_at is not null)),
    count(*) filter (where unsubscribed_at is not null),
    count(*) filter (where spam_at is not null),
    count(*) filter (where dropped_at is not null)
from feeds_email e join feeds_day_zone z using (account_id) join feeds_address r on r.id = e.recipient_id
cross join lateral (values (1::smallint, coalesce(e.sender_id, 0)), (2, r.domain_id), (3, e.reason_id))
    as v (dimension, value)
where v.value is not null group by 1, 2, 3, 4;

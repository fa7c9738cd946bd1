-- The tables of the core. Measured choices, with their reasons in docs/decisions/storage.md:
-- ids that carry time, months as partitions, no index on a column that changes, no foreign keys on the hot road.
-- Collation "C" where texts are compared: the order must be that of the code, whatever the database was made with.

create extension if not exists pg_trgm;

-- Milliseconds since 2020 << 20 | sequence: newest first is the primary key backwards, a date range is a range of ids.
create function feeds_id(moment timestamptz, n bigint) returns bigint language sql stable parallel safe
    return greatest(0, (extract(epoch from moment) * 1000)::bigint - 1577836800000) << 20 | (n & 1048575);
create sequence feeds_id_seq;

create table feeds_domain (
    id int generated always as identity primary key,
    name text collate "C" not null unique
);

-- All lower case. Contains-search runs over these, not over the emails: the trigram index is ten times smaller here.
create table feeds_address (
    id bigint generated always as identity primary key,
    account_id int not null,
    domain_id int not null,
    local text collate "C" not null,
    addr text collate "C" not null,
    unique (account_id, addr)
);
create index feeds_address_domain on feeds_address (account_id, domain_id);
create index feeds_address_local on feeds_address using gin (local gin_trgm_ops);

create table feeds_email (
    id bigint primary key,
    sender_id bigint,
    recipient_id bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    updated_at timestamptz not null,
    account_id int not null,
    source_id int not null,
    opens int not null,
    clicks int not null,
    machine_opens int not null,
    machine_clicks int not null,
    deferrals int not null,
    status smallint not null,
    bounce smallint not null,
    is_test bool not null,
    sender text collate "C" not null,
    recipient text collate "C" not null,
    message_id text not null,
    subject text collate "C" not null,
    argument text collate "C" not null,
    code text not null,
    comment text not null,
    tags text[] not null,
    comment_at timestamptz,
    comment_key bigint,
    processed_at timestamptz,
    sent_at timestamptz,
    delivered_at timestamptz,
    bounced_at timestamptz,
    opened_at timestamptz,
    clicked_at timestamptz,
    unsubscribed_at timestamptz,
    spam_at timestamptz,
    dropped_at timestamptz,
    deferred_at timestamptz,
    machine_opened_at timestamptz,
    machine_clicked_at timestamptz
) partition by range (id);
create index feeds_email_account on feeds_email (account_id, id);
create index feeds_email_recipient on feeds_email (account_id, recipient_id, id);
create index feeds_email_sender on feeds_email (account_id, sender_id, id);
create table feeds_email_default partition of feeds_email default with (fillfactor = 50);

-- Which email a source means: a digest of (source, message id, recipient). Partitions cannot hold this promise.
create table feeds_message_key (
    key uuid primary key,
    email_id bigint not null
);

create table feeds_event (
    email_id bigint not null,
    key bigint not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    inbox_id bigint,
    account_id int not null,
    source_id int not null,
    kind smallint not null,
    bounce smallint not null,
    name text not null,
    code text not null,
    comment text not null,
    url text not null,
    ip text not null,
    user_agent text not null,
    primary key (email_id, key)
) partition by range (email_id);
-- Rare statuses are found through their events, which never change; an index on the status would slow every update.
create index feeds_event_rare on feeds_event (account_id, kind, email_id) where kind in (3, 6, 7, 8, 20, 29);
create table feeds_event_default partition of feeds_event default;

create table feeds_rollup (
    account_id int not null,
    starts_at timestamptz not null,
    kind smallint not null,
    events bigint not null,
    emails bigint not null,
    primary key (account_id, starts_at, kind)
) with (fillfactor = 50);

create table feeds_inbox (
    id bigint primary key,
    received_at timestamptz not null,
    account_id int not null,
    source_id int not null,
    kind text not null,
    is_test bool not null,
    content_type text not null,
    headers jsonb not null,
    body bytea not null
) partition by range (id);
create index feeds_inbox_source on feeds_inbox (source_id, id);
-- Compressing would cost more than the disk it saves, on the one statement a provider waits for.
alter table feeds_inbox alter column body set storage external;
create table feeds_inbox_default partition of feeds_inbox default;

-- The queue beside the inbox: a row goes when it is read, and stays with its error when it cannot be.
create table feeds_inbox_due (
    inbox_id bigint primary key,
    account_id int not null,
    source_id int not null,
    size int not null,
    failed_at timestamptz,
    error text not null default ''
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index feeds_inbox_due_unread on feeds_inbox_due (inbox_id) where failed_at is null;
create index feeds_inbox_due_failed on feeds_inbox_due (source_id, inbox_id) where failed_at is not null;

create table feeds_source_hour (
    source_id int not null,
    starts_at timestamptz not null,
    requests bigint not null,
    events bigint not null,
    duplicates bigint not null,
    waited_ms bigint not null,
    late_ms bigint not null,
    primary key (source_id, starts_at)
) with (fillfactor = 50);

-- The months around now; later ones are made by feeds.partitions.
do $$
declare
    month timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' - interval '1 month';
    part text;
begin
    for n in 0..3 loop
        part := to_char(month at time zone 'UTC', 'YYYYMM');
        execute format('create table feeds_email_%s partition of feeds_email for values from (%s) to (%s)'
            ' with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)',
            part, feeds_id(month, 0), feeds_id(month + interval '1 month', 0));
        execute format('create table feeds_event_%s partition of feeds_event for values from (%s) to (%s)',
            part, feeds_id(month, 0), feeds_id(month + interval '1 month', 0));
        execute format('create table feeds_inbox_%s partition of feeds_inbox for values from (%s) to (%s)',
            part, feeds_id(month, 0), feeds_id(month + interval '1 month', 0));
        month := month + interval '1 month';
    end loop;
end $$;

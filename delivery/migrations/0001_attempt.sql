-- One row per try, written once and read by the email's page: it goes with the month of its email.
create table delivery_attempt (
    email_id bigint not null,
    number smallint not null,
    account_id int not null,
    transport_id int,
    started_at timestamptz not null,
    took_ms int not null,
    host text not null default '',
    ip text not null default '',
    tls text not null default '',
    verdict smallint not null,
    final bool not null default false,
    code text not null default '',
    reply text not null default '',
    provider_id text not null default '',
    interrupted bool not null default false,
    conversation jsonb not null default '[]',
    primary key (email_id, number)
) partition by range (email_id);
create table delivery_attempt_default partition of delivery_attempt default;
-- The queue is small and changes all the time.
alter table delivery_outgoing set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
alter table delivery_lane set (fillfactor = 30);

drop table feeds_source_hour, feeds_inbox_due, feeds_inbox, feeds_rollup, feeds_event, feeds_message_key, feeds_email,
    feeds_address, feeds_domain;
drop sequence feeds_id_seq;
drop function feeds_id(timestamptz, bigint);

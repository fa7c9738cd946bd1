drop table feeds_change, feeds_day_zone, feeds_day, feeds_cohort, feeds_repeat, feeds_reason, feeds_tagged, feeds_tag;
drop index feeds_event_code, feeds_email_orphan, feeds_email_message, feeds_email_header, feeds_email_argument;
alter table feeds_email drop column header_id, drop column is_late, drop column unknowns, drop column reason_id;
drop function feeds_reason_of(text);
drop function feeds_time(bigint);

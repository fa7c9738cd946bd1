"""Exact counts of emails, kept as they are written: per quarter of an hour, and per day by sender, domain and reason.

A cohort is the emails that stand in a time: of those, how many were ever delivered, opened and so on. Each figure is
therefore the number of emails that one filter of the feed finds.
"""

from __future__ import annotations

from enum import IntEnum

from feeds.events import Status


class Dimension(IntEnum):
    """What the days are counted by. The value is the id of an address, a domain or a reason; 0 where it is unknown."""

    SENDER = 1
    DOMAIN = 2
    REASON = 3


# Each measure with what holds for the emails it counts.
MEASURES = {
    "emails": "true",
    "sent": "sent_at is not null",
    "deferred": "deferred_at is not null",
    "delivered": "delivered_at is not null",
    "bounced": "bounced_at is not null",
    "opened": "opened_at is not null",
    "opened_any": "(opened_at is not null or machine_opened_at is not null)",
    "clicked": "clicked_at is not null",
    "clicked_any": "(clicked_at is not null or machine_clicked_at is not null)",
    "unsubscribed": "unsubscribed_at is not null",
    "spam": "spam_at is not null",
    "dropped": "dropped_at is not null",
}
STATUSES = {f"status_{status.value}": f"status = {status.value}" for status in Status}
# Quarters begin at multiples of a quarter from here; so do the hours and days of every zone in use.
QUARTER = "date_bin('15 minutes', feeds_time(id), '2020-01-01 00:00+00')"


def counts(measures: dict[str, str]) -> str:
    """How many emails of a group each measure counts, as columns of the measures' names."""
    return ", ".join(f"count(*) filter (where {held}) as {name}" for name, held in measures.items())


def _sums(measures: dict[str, str]) -> str:
    """The same of rows that are added or taken away, as their sign says."""
    return ", ".join(f"sum(sign * ({held})::int) as {name}" for name, held in measures.items())


def _adding(table: str, measures: dict[str, str]) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in measures)


# What of an email the measures look at, beside the times of its first events.
SEEN = ("status", "sender_id", "reason_id")


def sides(times: list[str]) -> str:
    """The emails of `written` as they are now, and with the sign -1 as they were before; `times` are columns."""

    def side(sign: int, prefix: str) -> str:
        columns = ", ".join(f"{prefix}{name} as {name}" for name in (*SEEN, *times))
        return f"select account_id, id, recipient_id, {sign} as sign, {columns} from written"  # noqa: S608

    return f"{side(1, 'new_')} union all {side(-1, 'old_')} where old_id is not null"


_QUARTERS = MEASURES | STATUSES
COHORTED = f"""
    insert into feeds_cohort as c (account_id, starts_at, {", ".join(_QUARTERS)})
    select * from (
        select account_id, {QUARTER} as starts_at, {_sums(_QUARTERS)} from side group by 1, 2) s
    where ({", ".join(_QUARTERS)}) is distinct from ({", ".join("0" for _ in _QUARTERS)})
    order by 1, 2
    on conflict (account_id, starts_at) do update set {_adding("c", _QUARTERS)}
"""  # noqa: S608  # here and below: nothing comes from outside
DAYED = f"""
    insert into feeds_day as d (account_id, day, dimension, value, {", ".join(MEASURES)})
    select * from (
        select s.account_id, (feeds_time(s.id) at time zone z.zone)::date as day, v.dimension, v.value,
            {_sums(MEASURES)}
        from side s join feeds_day_zone z using (account_id) join feeds_address r on r.id = s.recipient_id
        cross join lateral (values ({Dimension.SENDER}::smallint, coalesce(s.sender_id, 0)),
            ({Dimension.DOMAIN}, r.domain_id), ({Dimension.REASON}, s.reason_id)) as v (dimension, value)
        where v.value is not null
        group by 1, 2, 3, 4) s
    where ({", ".join(MEASURES)}) is distinct from ({", ".join("0" for _ in MEASURES)})
    order by account_id, dimension, day, value
    on conflict (account_id, dimension, day, value) do update set {_adding("d", MEASURES)}
"""  # noqa: S608

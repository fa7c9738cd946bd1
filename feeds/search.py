"""Finding emails, newest first, at a cost that does not grow with the table.

No index can serve a text that is contained, so a search goes in steps, each with a bound (docs/decisions/storage.md):
the newest emails of the account are looked through first, which answers every common word; for a rare one the
addresses that hold it are found, and the newest emails of each; a word of very many addresses is looked for backwards,
and the page says how far.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connection

from feeds.conditions import escaped
from feeds.events import Status
from feeds.models import Email, time_of
from feeds.terms import Address, OneOf, Wanted, resolve

if TYPE_CHECKING:
    from accounts.access import Access
    from feeds.query import Filter

FIRST_LOOK = 20_000
FURTHER_LOOK = 50_000
MOST_ADDRESSES = 1500
# Statuses few emails have are found through their events; of these events an email may have several.
RARE = (Status.BOUNCED, Status.UNSUBSCRIBED, Status.SPAM, Status.DROPPED)
RARE_EVENTS = 20_000


@dataclass(frozen=True, slots=True)
class Page:
    """Some emails, newest first. `older` is where the next page begins (None: there is none). `back_to` is set where
    the search stopped before the page was full: it looked no further back than that."""

    emails: list[Email]
    older: int | None
    back_to: datetime | None = None


def contains(text: str) -> str:
    r"""A LIKE pattern for texts that contain this one, with %, _ and \ as plain letters."""
    return f"%{escaped(text)}%"


def page(access: Access, asked: Filter, now: datetime, before: int | None = None, limit: int = 50) -> Page:
    """The newest `limit` emails of the filter that stand before the id `before`. Raises Unclear as `resolve` does."""
    wanted = resolve(asked, access.account, now).before(before)
    ids, seen_to = _newest(wanted, FIRST_LOOK, limit + 1)
    if len(ids) <= limit and seen_to is not None:
        addresses = _addresses(wanted)
        rare = _rare(wanted)
        if addresses is not None:
            ids, seen_to = _of_addresses(wanted, addresses, limit + 1), None
        elif rare:
            ids, seen_to = _of_rare(wanted, rare, limit + 1)
        else:
            ids, seen_to = _newest(wanted, FURTHER_LOOK, limit + 1)
    emails = list(Email.objects.filter(account_id=wanted.account_id, id__in=ids).order_by("-id")[:limit])
    if len(ids) > limit:
        return Page(emails, emails[-1].id if emails else None)
    return Page(emails, seen_to, time_of(seen_to) if seen_to else None)


def _rows(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _newest(wanted: Wanted, look: int, limit: int) -> tuple[list[int], int | None]:
    """Look through the newest `look` emails of the account; index (account_id, id).

    Returns the ids found, and where the look ended if there is more behind it. Offset 0 keeps the bound inside.
    """
    condition, values = wanted.conditions_sql()
    found = [
        row[0]
        for row in _rows(
            f"select id from (select * from feeds_email where account_id = %s and id >= %s and id < %s"  # noqa: S608
            f" order by id desc limit %s offset 0) e where {condition} order by id desc limit %s",
            [wanted.account_id, wanted.low, wanted.high, look, *values, limit],
        )
    ]
    if len(found) >= limit:
        return found, None
    last = _rows(
        "select id from feeds_email where account_id = %s and id >= %s and id < %s order by id desc limit 1 offset %s",
        [wanted.account_id, wanted.low, wanted.high, look - 1],
    )
    return found, last[0][0] if last else None


def _addresses(wanted: Wanted) -> list[int] | None:
    """The addresses of the account that hold the text; None where there is no text, or too many hold it."""
    asked = next((c for c in wanted.conditions if isinstance(c, Address) and c.text and c.form != "like"), None)
    if asked is None:
        return None
    account_id, text = wanted.account_id, asked.text
    if asked.form == "is":
        rows = _rows("select id from feeds_address where account_id = %s and addr = %s", [account_id, text])
        return [row[0] for row in rows]
    local, at, domain = text.rpartition("@")
    if not at and len(text) < 3:
        return None  # trigrams need three letters
    most = MOST_ADDRESSES + 1
    if at:
        rows = _rows(
            "select a.id from feeds_address a join feeds_domain d on d.id = a.domain_id"
            " where a.account_id = %s and a.local like %s and d.name like %s limit %s",
            [account_id, contains(local)[:-1] if local else "%", contains(domain)[1:], most],
        )
    else:
        rows = _rows(
            "(select id from feeds_address where account_id = %s and local like %s limit %s) union"
            " (select a.id from feeds_address a where account_id = %s and domain_id = any(array("
            "  select id from feeds_domain where name like %s)) limit %s)",
            [account_id, contains(text), most, account_id, contains(text), most],
        )
    return [row[0] for row in rows] if len(rows) <= MOST_ADDRESSES else None


def _of_addresses(wanted: Wanted, addresses: list[int], limit: int) -> list[int]:
    """The newest emails from or to any of these; indexes (account_id, recipient_id, id) and (.., sender_id, id)."""
    condition, values = wanted.conditions_sql()
    halves = [
        f"(select x.id from unnest(%s::bigint[]) a cross join lateral (select id from feeds_email"  # noqa: S608
        f" where account_id = %s and {column} = a and id >= %s and id < %s and {condition}"
        f" order by id desc limit %s) x order by 1 desc limit %s)"
        for column in ("recipient_id", "sender_id")
    ]
    half_values = [addresses, wanted.account_id, wanted.low, wanted.high, *values, limit, limit]
    rows = _rows(f"{halves[0]} union {halves[1]} order by 1 desc limit %s", [*half_values, *half_values, limit])
    return [row[0] for row in rows]


def _rare(wanted: Wanted) -> tuple[Status, ...]:
    """The statuses that are asked for, where they are all and rare ones."""
    if len(wanted.conditions) == 1 and isinstance(wanted.conditions[0], OneOf):
        statuses = wanted.conditions[0].statuses
        return statuses if set(statuses) <= set(RARE) else ()
    return ()


def _of_rare(wanted: Wanted, statuses: tuple[Status, ...], limit: int) -> tuple[list[int], int | None]:
    """The newest emails of rare statuses, through the index feeds_event_rare: every such email has such an event."""
    kinds = [int(status) for status in statuses]
    rows = _rows(
        "select v.email_id, e.id from (select distinct email_id from (select email_id from feeds_event"
        " where account_id = %s and kind = any(%s::smallint[]) and kind in (3, 6, 7, 8, 20, 29)"
        " and email_id >= %s and email_id < %s order by email_id desc limit %s offset 0) n) v"
        " left join feeds_email e on e.id = v.email_id and e.status = any(%s::smallint[]) order by 1 desc",
        [wanted.account_id, kinds, wanted.low, wanted.high, RARE_EVENTS, kinds],
    )
    ids = [email_id for _event, email_id in rows if email_id is not None][:limit]
    cut = rows[-1][0] if len(rows) == RARE_EVENTS and len(ids) < limit else None
    return ids, cut

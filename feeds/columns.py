"""What a file of emails can hold: its columns, each with its name and the SQL that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from psycopg import sql

from accounts.cells import guarded
from feeds.events import Bounce, Kind, Status

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def words(column: str, names: list[str]) -> sql.Composable:
    """The name that belongs to the number in this column."""
    listed = sql.SQL(", ").join(sql.Literal(name) for name in names)
    return sql.SQL("(array[{}])[{} + 1]").format(listed, sql.Identifier(column))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in the file, what people read, and its SQL on the columns of feeds_email.

    `csv` is safe for spreadsheets, `json` is the value as it is.
    """

    name: str
    label: _StrPromise
    csv: sql.Composable
    json: sql.Composable


def _plain(name: str, label: _StrPromise) -> Column:
    return Column(name, label, sql.Identifier(name), sql.Identifier(name))


def _text(name: str, label: _StrPromise) -> Column:
    """A text that comes from outside."""
    return Column(name, label, guarded(sql.Identifier(name)), sql.Identifier(name))


def _made(name: str, label: _StrPromise, csv: sql.Composable, json: sql.Composable | None = None) -> Column:
    return Column(name, label, csv, csv if json is None else json)


TIME = sql.SQL("to_timestamp(((id >> 20) + 1577836800000) / 1000.0)::timestamptz(3)")
TAGS = sql.SQL("array_to_string(tags, ',')")
STATUS_NAMES = [status.name.lower() for status in Status]
BOUNCE_NAMES = [bounce.name.lower() if bounce else "" for bounce in Bounce]

# In the order in which they are offered. Times are written in the session's zone, with their offset from UTC.
COLUMNS = (
    _made("time", _("Time in the feed"), TIME),
    _made("status", _("Status"), words("status", STATUS_NAMES)),
    _made("bounce", _("Hard or soft bounce"), words("bounce", BOUNCE_NAMES)),
    _text("recipient", _("Recipient")),
    _text("sender", _("Sender")),
    _text("subject", _("Subject")),
    _text("comment", _("Answer of the recipient's server")),
    _plain("opens", _("Opens by people")),
    _plain("clicks", _("Clicks by people")),
    _plain("machine_opens", _("Opens by machines")),
    _plain("machine_clicks", _("Clicks by machines")),
    _text("message_id", _("Message id of the source")),
    _text("argument", _("Unique argument of the sender")),
    # As text: programs that read JSON numbers as floating point would change it.
    _made("id", _("Id in Live Feeds"), sql.SQL("id"), sql.SQL("id::text")),
    _text("code", _("Status code of the answer, such as 5.1.1")),
    _text("header_id", _("Message-ID of its header")),
    _made("tags", _("Tags"), guarded(TAGS), sql.SQL("tags")),
    _plain("deferrals", _("Times it was deferred")),
    _plain("processed_at", _("First processed at")),
    _plain("sent_at", _("First sent at")),
    _plain("deferred_at", _("First deferred at")),
    _plain("delivered_at", _("First delivered at")),
    _plain("bounced_at", _("First bounced at")),
    _plain("opened_at", _("First opened at")),
    _plain("clicked_at", _("First clicked at")),
    _plain("unsubscribed_at", _("First unsubscribed at")),
    _plain("spam_at", _("First reported as spam at")),
    _plain("dropped_at", _("First dropped at")),
    _plain("last_at", _("Last event at")),
    _made("late", _("Whether an event came late"), sql.SQL("is_late::text"), sql.SQL("is_late")),
    _made("test", _("Whether it is a test"), sql.SQL("is_test::text"), sql.SQL("is_test")),
)
BY_NAME = {column.name: column for column in COLUMNS}
# What a file holds while nobody chose anything. Programs read it: names and order stay.
STANDARD = tuple(column.name for column in COLUMNS[:14])

# ---- The provider's columns -------------------------------------------------------------------------------

# Netcore's words: "sent" is what its destination accepted, and a bounce says which it is.
NETCORE_STATUS = sql.SQL(
    "case e.status when {bounced} then (array['bounce', 'softbounce', 'hardbounce'])[e.bounce + 1]"
    " else (array['processed', 'sent', 'sent', '', 'open', 'click', 'unsubscribe', 'spam', 'dropped'])[e.status + 1]"
    " end"
).format(bounced=sql.Literal(int(Status.BOUNCED)))


def _of_email(name: str) -> sql.Composable:
    return sql.SQL("e.{}").format(sql.Identifier(name))


def _of_line(kind: Kind, name: str) -> sql.Composable:
    """A column of the open or click this line is about, empty on other lines."""
    return sql.SQL("case when v.kind = {} then v.{} end").format(sql.Literal(int(kind)), sql.Identifier(name))


# The 17 columns of Netcore's own list of emails: name, SQL on an email `e` and one of its opens or clicks `v`, and
# whether it is a text from outside. What we do not know, the size, stays empty.
NETCORE: tuple[tuple[str, sql.Composable, bool], ...] = (
    ("TransId", _of_email("message_id"), True),
    ("rcptEmail", _of_email("recipient"), True),
    ("fromaddress", _of_email("sender"), True),
    ("requestedTime", sql.SQL("coalesce(e.processed_at, e.first_at)"), False),
    ("deliveryTime", _of_email("delivered_at"), False),
    ("modifiedTime", _of_email("last_at"), False),
    ("status", NETCORE_STATUS, False),
    ("size", sql.SQL("null::int"), False),
    ("subject", _of_email("subject"), True),
    ("xapiheader", _of_email("argument"), True),
    ("tags", sql.SQL("array_to_string(e.tags, ',')"), True),
    ("OpenIP", _of_line(Kind.OPENED, "ip"), True),
    ("Opentime", _of_line(Kind.OPENED, "occurred_at"), False),
    ("ClickIP", _of_line(Kind.CLICKED, "ip"), True),
    ("ClickTime", _of_line(Kind.CLICKED, "occurred_at"), False),
    ("ClickLink", _of_line(Kind.CLICKED, "url"), True),
    ("Remarks", _of_email("comment"), True),
)
# Each email has a line of its own, and after it one for each time a person opened it or clicked, the earliest first.
NETCORE_LINES = sql.SQL(
    "left join lateral (select null::smallint as kind, null::timestamptz as occurred_at, null::text as ip,"
    " null::text as url, null::bigint as key union all"
    " select kind, occurred_at, ip, url, key from feeds_event"
    " where e.opens + e.clicks > 0 and email_id = e.id and kind in ({opened}, {clicked})) v on true"
).format(opened=sql.Literal(int(Kind.OPENED)), clicked=sql.Literal(int(Kind.CLICKED)))

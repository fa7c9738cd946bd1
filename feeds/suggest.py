"""What could stand where somebody is writing a query: keys, the words they know, and what the account has.

Every look into the database is short: the beginning of an index, or the days that were counted last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts import origins
from feeds import spot
from feeds.conditions import escaped, fold
from feeds.keys import BY_NAME, KEYS
from feeds.lexer import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from django_stubs_ext import StrOrPromise

    from accounts.access import Access
    from accounts.models import Account
    from feeds.spot import Spot

MOST = 8
# Rows of counted days that are looked through for the commonest of an account, newest first.
DAYS_LOOKED_AT = 3000
SENDERS, DOMAINS, REASONS = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Completion:
    """What to write in place of the text from `start` to `end`, and a line about it."""

    insert: str
    start: int
    end: int
    line: StrOrPromise = ""

    @property
    def label(self) -> str:
        """As it is shown."""
        return self.insert.strip()


type Offer = tuple[str, StrOrPromise]


def suggest(access: Access, text: str, at: int, now: datetime) -> list[Completion]:
    """At most eight completions of what is being written in `text` at the offset `at`; none for what is not understood.

    At most four short queries.
    """
    where = spot.find(text, at)
    if where is None:
        return []
    offers = _bare(access.account, where) if not where.key else _values(access.account, where, now)
    found: dict[str, Completion] = {}
    for insert, line in offers:
        if insert.strip() != text[where.start : where.end]:
            found.setdefault(insert, Completion(insert, where.start, where.end, line))
        if len(found) == MOST:
            break
    return list(found.values())


def _bare(account: Account, where: Spot) -> Iterator[Offer]:
    """Keys that begin so, the words of keys that do, and addresses."""
    typed = where.typed.lower()
    yield from ((f"{key.name}:", key.line) for key in KEYS if key.name.startswith(typed))
    if not typed:
        return
    for key in KEYS:
        for word, line in key.words.items():
            if word.startswith(typed) and len(typed) > 1:
                yield f"{key.name}:{word} ", line
    yield from ((f"{written('', addr)} ", _("sender")) for addr in _senders(account.pk, typed))
    yield from ((f"{written('', addr)} ", _("recipient")) for addr in _addresses(account.pk, typed))


def _values(account: Account, where: Spot, now: datetime) -> Iterator[Offer]:
    key = BY_NAME[where.key]
    if key.words:
        typed = where.typed.lower()
        words = {word: line for word, line in key.words.items() if word not in where.others}
        ordered = sorted(words, key=lambda word: not word.startswith(typed))
        return ((f"{word} ", words[word]) for word in ordered if typed in word)
    if where.key in ("after", "before"):
        return _days(account, where.typed, now)
    if where.key in _HELD:
        return ((f"{written(where.key, value)} ", "") for value in _HELD[where.key](account.pk, where.typed))
    return ((f"{example} ", "") for example in key.examples if key.name in _TRIED and example.startswith(where.typed))


# Keys whose examples are worth a try as they stand.
_TRIED = ("code", "opens", "clicks", "since")


def _days(account: Account, typed: str, now: datetime) -> Iterator[Offer]:
    today = now.astimezone(account.zone).date()
    offers = [(0, _("today")), (1, _("yesterday")), (7, _("a week ago")), (30, _("30 days ago"))]
    for ago, line in offers:
        day = (today - timedelta(days=ago)).isoformat()
        if day.startswith(typed):
            yield f"{day} ", line


def _column(statement: str, values: list[Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def _common(account_id: int, dimension: int, named: str, like: str) -> list[str]:
    """The commonest senders, domains or reasons of the days counted last. `named` gives their `id`, their `name`, and
    the `key` that must be `like` this. Index: the primary key of feeds_day."""
    return _column(
        "select n.name from (select value, sum(emails) as emails from (select value, emails from feeds_day"  # noqa: S608
        "  where account_id = %s and dimension = %s order by day desc, value desc limit %s) d group by 1) v"
        f" join ({named}) n on n.id = v.value where n.key like %s and n.name <> '' order by v.emails desc, 1 limit %s",
        [account_id, dimension, DAYS_LOOKED_AT, like, MOST],
    )


def _senders(account_id: int, typed: str) -> list[str]:
    named = "select id, addr as name, addr as key from feeds_address"
    return _common(account_id, SENDERS, named, f"{escaped(typed.lower())}%")


def _addresses(account_id: int, typed: str) -> list[str]:
    """Addresses that begin so. Index: (account_id, addr)."""
    return _column(
        "select addr from feeds_address where account_id = %s and addr like %s and addr <> '' order by addr limit %s",
        [account_id, escaped(typed.lower()) + "%", MOST],
    )


def _all_senders(account_id: int, typed: str) -> Iterable[str]:
    return [*_senders(account_id, typed), *(_addresses(account_id, typed) if typed else [])]


def _domains(account_id: int, typed: str) -> list[str]:
    named = "select id, name, name as key from feeds_domain"
    return _common(account_id, DOMAINS, named, f"{escaped(typed.lower().removeprefix('@'))}%")


def _reasons(account_id: int, typed: str) -> list[str]:
    """Reasons that contain it, in capitals or not."""
    named = 'select id, text as name, lower(text collate "pg_c_utf8") as key from feeds_reason'
    return _common(account_id, REASONS, named, f"%{escaped(fold(typed))}%")


def _tags(account_id: int, typed: str) -> list[str]:
    """Tags that begin so, as it is written, in lower case or with a capital. Index: (account_id, name)."""
    return _column(
        "select name from feeds_tag where account_id = %s and (name like %s or name like %s or name like %s)"
        " order by name limit %s",
        [account_id, *(escaped(t) + "%" for t in (typed, typed.lower(), typed.capitalize())), MOST],
    )


def _sources(account_id: int, typed: str) -> list[str]:
    names = set(origins.names(account_id).values())
    return sorted(name for name in names if typed.casefold() in name.casefold())


_HELD: dict[str, Callable[[int, str], Iterable[str]]] = {
    "from": _all_senders,
    "to": _addresses,
    "domain": _domains,
    "reason": _reasons,
    "tag": _tags,
    "source": _sources,
}

"""What people ask a seeded database for: of each kind a hundred different questions, and how plain Django asks them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q

from bench.people import FIRST, LAST, SENDERS, SHARES, TAIL, local, recipient, sender
from feeds.events import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import Account

EACH = 100
MID_HITS = 1000
DAYS = 80


@dataclass(frozen=True, slots=True)
class Question:
    """A query, where its page begins, and the same for Django's ORM."""

    text: str
    before: int | None
    plain: Q


def kinds(account: Account, emails: int) -> dict[str, list[Question]]:
    """A hundred questions of each kind about this account, always the same for the same seed. Rare is up to a hundred
    emails, mid about a thousand, common tens of thousands at full size, whatever the size of the feed is for mid."""
    dice = random.Random(7)
    world = World(account, emails, dice)
    return {name: [make(world, n) for n in range(EACH)] for name, make in KINDS.items()}


class World:
    """What there is to ask about."""

    def __init__(self, account: Account, emails: int, dice: random.Random) -> None:
        self.account_id, self.emails, self.dice = account.id, emails, dice
        self.recipients = emails * 205 * 15 // 25_600
        with connection.cursor() as cursor:
            cursor.execute(
                "select min(starts_at), max(starts_at) from feeds_cohort where account_id = %s", [account.id]
            )
            self.first, self.last = cursor.fetchone()
            cursor.execute("select distinct code from feeds_event where account_id = %s and code >= '4'", [account.id])
            self.codes = sorted(code for (code,) in cursor)
        self.some = [self._email() for _n in range(EACH)]
        statuses = [[a, b, c] for a in Status for b in Status if a <= b for c in Status if b <= c]
        self.statuses = [sorted(set(chosen)) for chosen in dice.sample(statuses, EACH)]

    def _email(self) -> tuple[int, str, str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "select id, message_id, header_id from feeds_email where account_id = %s and header_id <> ''"
                " and message_id <> '' and id >= feeds_id(%s, 0) order by id limit 1",
                [self.account_id, self.first + (self.last - self.first) * self.dice.random() * 0.95],
            )
            found: tuple[int, str, str] = cursor.fetchone()
            return found

    def anywhere(self) -> int:
        """Where some page begins."""
        return self.dice.choice(self.some)[0]

    def stranger(self) -> int:
        """A recipient of a few emails."""
        return self.dice.randrange(min(2000, self.recipients // 2), self.recipients)


def _ask(text: str, plain: Q, before: int | None = None) -> Question:
    return Question(text, before, plain)


def _status(world: World, n: int) -> Question:
    names = ",".join(status.name.lower() for status in world.statuses[n])
    return _ask(f"status:{names}", Q(status__in=world.statuses[n]))


def _sender(world: World, n: int) -> Question:
    address = sender(n)
    return _ask(f"from:{address}", Q(sender=address), world.anywhere() if n >= len(SENDERS) else None)


def _exactly(address: str) -> Question:
    return _ask(f"to:{address}", Q(recipient=address))


def _prefix(world: World, n: int) -> Question:
    text = local(world.stranger())[: world.dice.randrange(2, 12)]
    return _ask(f"to:{text}*", Q(recipient__istartswith=text))


def _domain(world: World, name: str, before: int | None = None) -> Question:
    return _ask(f"domain:{name}", Q(recipient__iendswith=f"@{name}"), before)


def _contains(text: str) -> Question:
    return _ask(f"to:{text}", Q(recipient__icontains=text))


def _some(world: World, n: int) -> Question:
    """A part of an address with about a thousand hits: as much of a first name before the last one as that takes."""
    first, each = FIRST[n % len(FIRST)], world.emails * 0.8 / len(FIRST) / len(LAST)
    endings = [first[-letters:] for letters in range(1, len(first) + 1)]
    hits = {end: sum(name.endswith(end) for name in FIRST) * each for end in endings}
    return _contains(f"{min(endings, key=lambda end: abs(hits[end] - MID_HITS))}.{LAST[n]}")


def _missing(world: World, n: int) -> Question:
    letters = "".join(world.dice.choice("bcdfghjklmnpqrstvwxz") for _ in range(6))
    backwards = f"{world.dice.choice(LAST)}.{world.dice.choice(FIRST)}"
    return _contains(letters if n % 2 else f"{letters[:2]}gmail.org" if n % 4 else backwards)


def _either(world: World, n: int) -> Question:
    text = (recipient(world.stranger()), sender(n), local(world.stranger()), SENDERS[n % 20], LAST[n])[n % 5]
    return _ask(text, Q(recipient__icontains=text) | Q(sender__icontains=text))


def _both(world: World, n: int) -> Question:
    address = recipient(n if n % 4 else world.stranger())
    status = (Status.SPAM, Status.BOUNCED, Status.UNSUBSCRIBED, Status.DROPPED, Status.CLICKED)[n % 5]
    return _ask(f"to:{address} status:{status.name.lower()}", Q(recipient=address, status=status))


def _tag(world: World, n: int) -> Question:
    rare = f"batch-{world.dice.randrange(max(1, world.emails // 2000))}"
    name = (f"campaign-{n * 2:03}", rare, ("receipt", "newsletter", "reset", "invoice")[n % 4])[n % 3]
    return _ask(f"tag:{name}", Q(tags__contains=[name]), world.anywhere() if n % 3 == 2 else None)


def _id(world: World, n: int) -> Question:
    email_id, message_id, header_id = world.some[n]
    text = (message_id, header_id, str(email_id))[n % 3]
    same = Q(message_id=text) | Q(header_id=text)
    return _ask(f"id:{text}", same | Q(id=email_id) if n % 3 == 2 else same)


def _code(world: World, n: int) -> Question:
    code = world.codes[n % len(world.codes)]
    before = world.anywhere() if n >= len(world.codes) else None
    if n % 4:
        return _ask(f"code:{code}", Q(code=code), before)
    beginning = code.rpartition(".")[0]
    return _ask(f"code:{beginning}.*", Q(code__startswith=f"{beginning}."), before)


def _days(world: World, n: int) -> Question:
    from datetime import timedelta

    from feeds.models import id_at

    first = (world.first + timedelta(days=1 + world.dice.randrange(DAYS))).replace(hour=0, minute=0)
    end = first + timedelta(days=1 + n % 7)
    span = Q(id__gte=id_at(first), id__lt=id_at(end))
    return _ask(f"after:{first:%Y-%m-%d} before:{end:%Y-%m-%d}", span)


KINDS: dict[str, Callable[[World, int], Question]] = {
    "none": lambda world, n: _ask("", Q(), world.anywhere() if n else None),
    "status": _status,
    "sender": _sender,
    "recipient, rare": lambda world, n: _exactly(recipient(world.stranger())),
    "recipient, common": lambda world, n: _exactly(recipient(n)),
    "prefix": _prefix,
    "domain, rare": lambda world, n: _domain(world, f"company{world.dice.randrange(TAIL)}.example"),
    "domain, common": lambda world, n: _domain(world, SHARES[n % 4][1], world.anywhere() if n >= 4 else None),
    "contains, rare": lambda world, n: _contains(local(world.stranger())[1:]),
    "contains, mid": _some,
    "contains, common": lambda world, n: _contains(LAST[n]),
    "contains, no hit": _missing,
    "sender or recipient": _either,
    "status and recipient": _both,
    "tag": _tag,
    "id": _id,
    "code": _code,
    "date range": _days,
}


def page_at(account: Account, page: int, size: int) -> int | None:
    """Where the page of this number begins, without any filter; None where there are not so many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from feeds_email where account_id = %s order by id desc limit 1 offset %s",
            [account.id, (page - 1) * size],
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row[0] + 1 if row else None

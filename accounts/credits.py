"""Credits: one is used for each recipient sent to, by accounts that are limited by them. They are never below none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Account, CreditEntry

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from accounts.models import User

# Holding the row first, in its newest version, tells how many there were, whoever takes some at the same time.
TAKE = """
    with held as (
        select id, credits from accounts_account where id = %(account)s and is_metered for no key update
    ), taken as (
        update accounts_account account set credits = account.credits - least(%(wanted)s, held.credits)
        from held where account.id = held.id and held.credits > 0
        returning least(%(wanted)s, held.credits) as n
    )
    select case when exists (select from held) then coalesce((select n from taken), 0) else %(wanted)s end
"""


class Refused(Exception):
    """Credits cannot be changed like this; the text says why."""


@transaction.atomic
def add(account: Account, amount: int, by: User | None, note: str = "", once: UUID | None = None) -> CreditEntry:
    """Give credits, or take some away with an amount below zero. Raises Refused where there would be less than none.

    `by` is somebody who runs the installation; None is the installation itself. With `once` the same again changes
    nothing, and gives what was noted before.
    """
    if once is not None:
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        known = CreditEntry.objects.filter(account=account, once=once).first()
        if known is not None:
            return known
    enough = Account.objects.filter(pk=account.pk, credits__gte=-amount)
    if not enough.update(credits=F("credits") + amount):
        raise Refused(_("The account has fewer credits than that. Take away what it has, at most."))
    account.refresh_from_db(fields=["credits"])
    name = by.get_username() if by else ""
    told = {"note": note} if note else {}
    audit.note(account, by, "credits.added" if amount >= 0 else "credits.removed", str(abs(amount)), told)
    return CreditEntry.objects.create(
        account=account, amount=amount, balance=account.credits, note=note, by=by, by_name=name, once=once
    )


def lock(account_ids: Collection[int]) -> list[int]:
    """Hold the rows of those of these accounts that are limited, until the caller's transaction ends; returns them.

    Whoever moves credits and writes into the feed in one transaction holds them first, always in the same order: else
    two that wait for each other would never come to an end.
    """
    metered = Account.objects.filter(pk__in=account_ids, is_metered=True).order_by("pk")
    return list(metered.select_for_update(no_key=True).values_list("pk", flat=True))


def take(account_id: int, wanted: int) -> int:
    """Use up to so many credits and say how many there were: all of them for an account that is not limited.

    In the caller's transaction, which holds the account's row from here on.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"account": account_id, "wanted": wanted})
        (taken,) = cursor.fetchone()
    return int(taken)


def give_back(account_id: int, amount: int) -> None:
    """Return credits that were taken for what was then not sent. Nothing for an account that is not limited."""
    Account.objects.filter(pk=account_id, is_metered=True).update(credits=F("credits") + amount)


def ledger(account: Account, most: int = 20) -> list[CreditEntry]:
    """What was last given and taken away by hand, the newest first."""
    return list(CreditEntry.objects.filter(account=account).order_by("-id")[:most])

"""Taking off the list, with a trace of all that went: whole entries, or those of their causes that were a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F, Q

from accounts.models import ApiKey, User
from suppression import causes, targets
from suppression.models import Cause, How, Removal, Removed, Suppression

if TYPE_CHECKING:
    from collections.abc import Collection

    from accounts.audit import Actor
    from suppression.models import Reason

# Entries taken off in one transaction.
STEP = 5000

# Locked first, in the order `causes.ADD` takes them in: so nobody can give an entry a cause that goes with it unseen.
LOCK = """
select id from suppression_suppression where id = any(%s) order by account_id, target, reason for update
"""
# What goes is kept as it was. Statements of their own: each sees what the one before it did.
KEEP = """
insert into suppression_removed (removal_id, account_id, target, covers, domain, reason, added_at, is_whole, is_back,
    causes)
select %s, s.account_id, s.target, s.covers, s.domain, s.reason, s.added_at,
    count(*) = (select count(*) from suppression_cause a where a.suppression_id = s.id), false,
    jsonb_agg(to_jsonb(c) - 'suppression_id' - 'account_id' order by c.at, c.ident)
from suppression_cause c join suppression_suppression s on s.id = c.suppression_id
where c.id = any(%s) group by s.id
"""
DROP_CAUSES = "delete from suppression_cause where id = any(%s) returning suppression_id"
DROP_ENTRIES = """
with gone as (
    delete from suppression_suppression s where id = any(%s)
        and not exists (select from suppression_cause c where c.suppression_id = s.id)
    returning account_id, reason
), tally as (
    insert into suppression_tally (account_id, reason, hour, added, removed)
    select account_id, reason, date_trunc('hour', %s::timestamptz, 'UTC'), 0, count(*) from gone group by 1, 2
)
select count(*) from gone
"""
# What was taken off, as `causes.put` is given it. Users and keys may have gone since.
BACK = """
    select r.account_id, r.target, r.covers, r.domain, r.reason, c.ident, c.origin, c.at, c.until, c.added_at,
        c.source_id, c.email_id, c.event_key, c.import_id, u.id as user_id, k.id as key_id, c.actor_name, c.comment,
        c.note
    from suppression_removed r cross join lateral jsonb_populate_recordset(null::suppression_cause, r.causes) c
    left join accounts_user u on u.id = c.user_id left join accounts_apikey k on k.id = c.key_id
    where r.id = any(%(rows)s)
"""
COUNTED_BACK = "date_trunc('hour', %(at)s::timestamptz, 'UTC'), 0, -count(*)"


def begin(account_id: int | None, how: How, actor: Actor = None, note: str = "") -> Removal:
    """A removal that nothing belongs to yet. `account_id` None: from the installation's list."""
    return Removal.objects.create(
        account_id=account_id, how=how, note=note,
        user=actor if isinstance(actor, User) else None, key=actor if isinstance(actor, ApiKey) else None,
        actor_name=(actor.get_username() if isinstance(actor, User) else str(actor or ""))[:150],
    )  # fmt: skip


def take_off(removal: Removal, entry_ids: Collection[int], among: Q | None = None) -> int:
    """Take these entries of the removal's account off, or with `among` only those of their causes that match; returns
    how many entries went whole. At most STEP of them. Inside the caller's transaction or in one of its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        ours = Suppression.objects.filter(id__in=entry_ids, account=removal.account_id).values_list("id", flat=True)
        cursor.execute(LOCK, [list(ours)])
        locked = [entry_id for (entry_id,) in cursor]
        doomed = Cause.objects.filter(suppression__in=locked)
        ids = list((doomed.filter(among) if among is not None else doomed).values_list("id", flat=True))
        if not ids:
            return 0
        cursor.execute(KEEP, [removal.id, ids])
        cursor.execute(DROP_CAUSES, [ids])
        touched = sorted({entry_id for (entry_id,) in cursor})
        cursor.execute(DROP_ENTRIES, [touched, removal.at])
        (gone,) = cursor.fetchone()
        if gone < len(touched):
            causes.follow(touched)
        Removal.objects.filter(id=removal.id).update(entries=F("entries") + gone)
    return int(gone)


def restore(removal: Removal, among: Q | None = None) -> int:
    """Put the next of what this removal took off back as it was, or of its rows that match; returns how many entries
    that were, 0 when all are back. At most STEP of them. Twice, also at once, puts nothing back twice. In a
    transaction of its own, or of the caller's."""
    with transaction.atomic():
        left = Removed.objects.filter(among or Q(), removal=removal, is_back=False).order_by("id").select_for_update()
        rows = list(left.values_list("id", flat=True)[:STEP])
        if rows:
            causes.put(BACK, {"rows": rows, "at": removal.at}, COUNTED_BACK)
            Removed.objects.filter(id__in=rows).update(is_back=True)
    return len(rows)


def lift(account_id: int, address: str, reason: Reason, email_id: int, event_keys: Collection[int]) -> bool:
    """Take back what these events of this email caused; returns whether there was anything. Other causes stay, and the
    entry with them. Inside the caller's transaction."""
    target = targets.of_address(address).text
    these = Q(email_id=email_id, event_key__in=event_keys)
    caused = Cause.objects.filter(these, suppression__account=account_id, suppression__reason=reason)
    entries = list(caused.filter(suppression__target=target).values_list("suppression_id", flat=True).distinct())
    if entries:
        take_off(begin(account_id, How.CAME_BACK), entries, these)
    return bool(entries)

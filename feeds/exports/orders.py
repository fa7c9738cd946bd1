"""Asking for exports, and taking the order back. What people may do with them is decided here."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.nudges import Nudge
from feeds.exports import files
from feeds.exports.models import UNDER_WAY, Export, State
from feeds.layouts import stored

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.access import Access
    from accounts.models import Account, User
    from feeds.exports.models import SavedView
    from feeds.layouts import Layout

# Tells a worker that there is something to make.
nudge = Nudge("feeds.tasks.make_exports")

# An account that asks for more at once waits for its own.
MOST_UNDER_WAY = 10
# How long the list tells of an export whose file is gone.
REMEMBERED = timedelta(days=90)


class Refused(Exception):
    """It cannot be done as things are; the text says why and what to do."""


def order(access: Access, query: str, layout: Layout, now: datetime) -> Export:
    """Have the emails of this filter made into a file. Raises Refused where the account has too many under way."""
    if Export.objects.of(access).under_way().count() >= MOST_UNDER_WAY:
        raise Refused(
            _("%(n)d exports are under way in this account. Wait for one of them, or cancel one.")
            % {"n": MOST_UNDER_WAY}
        )
    return place(access.account, access.membership.user, query, layout, now)


def place(
    account: Account, made_by: User | None, query: str, layout: Layout, now: datetime, view: SavedView | None = None
) -> Export:
    """Write the order down, and tell a worker when that is committed."""
    export = Export.objects.create(
        account=account, made_by=made_by, view=view, query=query, token=secrets.token_urlsafe(32),
        created_at=now, time_zone=account.time_zone, **stored(layout),
    )  # fmt: skip
    transaction.on_commit(nudge)
    return export


def cancel(access: Access, export: Export, now: datetime) -> bool:
    """Stop making it; returns False where it was over already. Raises PermissionDenied."""
    _check_may_change(access, export)
    found = Export.objects.of(access).filter(pk=export.pk, state__in=UNDER_WAY)
    if not found.update(state=State.CANCELLED, finished_at=now):
        return False
    files.remove(export)
    return True


def delete(access: Access, export: Export) -> None:
    """Remove the export and its file, also while it is made. Raises PermissionDenied."""
    _check_may_change(access, export)
    export.delete()
    files.remove(export)


def _check_may_change(access: Access, export: Export) -> None:
    if not export.may_change(access):
        raise PermissionDenied(_("Only who made an export, or an administrator, may cancel or delete it."))


def clear_up(now: datetime) -> None:
    """Remove the files that are kept long enough, forget what happened long ago, and what a crash left behind."""
    for export in Export.objects.filter(state=State.DONE, expires_at__lte=now):
        Export.objects.filter(pk=export.pk, state=State.DONE).update(state=State.EXPIRED)
        files.remove(export)
    Export.objects.exclude(state__in=UNDER_WAY).filter(finished_at__lte=now - REMEMBERED).delete()
    # Listed before the orders: the file of one that comes in between is not on the list.
    there = files.tokens()
    kept = Export.objects.filter(state__in=(*UNDER_WAY, State.DONE)).values_list("token", flat=True)
    files.remove_tokens(there - set(kept))

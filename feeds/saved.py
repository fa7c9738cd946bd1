"""Saved views: filters with a name, one's own or the account's, and their exports by the clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from feeds.exports import orders
from feeds.exports.models import Choice, Every, SavedView
from feeds.layouts import Layout, stored

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from accounts.access import Access

# More would be no menu any more.
MOST_VIEWS = 200


def visible(access: Access) -> list[SavedView]:
    """The views this person may use, by name, for the menu. One query."""
    return list(SavedView.objects.visible_in(access)[:MOST_VIEWS])


def default_of(access: Access) -> SavedView | None:
    """The view this person begins with in the account; None for all emails."""
    chosen = Choice.objects.filter(membership=access.membership).values("default_view")
    return SavedView.objects.visible_in(access).filter(pk__in=chosen).first()


def begin_with(access: Access, view: SavedView | None) -> None:
    """Let this person begin with this view, or with all emails."""
    begun = {"default_view": view}
    Choice.objects.update_or_create(
        membership=access.membership, defaults=begun, create_defaults=begun | stored(Layout())
    )


def chosen(access: Access) -> Layout:
    """The layout this person chose last."""
    choice = Choice.objects.filter(membership=access.membership).first()
    return choice.layout if choice else Layout()


def choose(access: Access, layout: Layout) -> None:
    """Remember this layout for this person."""
    Choice.objects.update_or_create(membership=access.membership, defaults=stored(layout))


def check_may_change(access: Access, view: SavedView) -> None:
    """Raises PermissionDenied."""
    if not view.may_change(access):
        raise PermissionDenied(_("Only its owner or an administrator may change a shared view."))


# ---- By the clock -----------------------------------------------------------------------------------------


def next_time(view: SavedView, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the view becomes an export next, after `now`; None for never.

    At its hour by the clocks of the zone: once a day also on the day they are changed. An hour that is left out then
    is the one after it; of an hour that comes twice it is the first.
    """
    if view.every == Every.NEVER:
        return None
    today = now.astimezone(zone).date()
    for ahead in range(9):
        day = today + timedelta(days=ahead)
        if view.every == Every.WEEK and day.weekday() != view.weekday:
            continue
        moment = datetime.combine(day, time(view.hour), zone)
        # Compared as moments: two times of one zone would be compared by their clocks.
        if moment.timestamp() > now.timestamp():
            return moment
    raise ValueError(f"No {view.hour} o'clock within nine days.")


def order_due(now: datetime) -> int:
    """Order the exports of the views whose time has come; returns how many.

    However long nobody looked, a view that is due becomes one export. Several may look at once.
    """
    count = 0
    with transaction.atomic():
        due = SavedView.objects.select_for_update(skip_locked=True, of=("self",)).filter(next_at__lte=now)
        for view in due.select_related("account", "owner__user").order_by("next_at")[:100]:
            view.next_at = next_time(view, view.account.zone, now)
            view.save(update_fields=["next_at"])
            made_by = view.owner.user if view.owner else None
            orders.place(view.account, made_by, view.query, view.layout, now, view)
            count += 1
    return count


def forget_orphans() -> None:
    """Remove the views nobody can see any more: their owner left, and they were never shared."""
    SavedView.objects.filter(owner=None, is_shared=False).delete()

"""Exports, saved views, and what a member chose last."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account, Membership, Role
from feeds.layouts import LaidOut

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.access import Access

# Emails done before the time that is left is more than a guess.
ENOUGH_TO_GUESS = 1000


class Every(models.IntegerChoices):
    """How often a saved view becomes an export, in days."""

    NEVER = 0, pgettext_lazy("how often", "Never")
    DAY = 1, pgettext_lazy("how often", "Every day")
    WEEK = 7, pgettext_lazy("how often", "Every week")


class Weekday(models.IntegerChoices):
    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class ViewQuerySet(models.QuerySet["SavedView"]):
    def visible_in(self, access: Access) -> ViewQuerySet:
        """The views of this person in the account, and those shared with it, by name."""
        mine = models.Q(owner=access.membership) | models.Q(is_shared=True)
        return self.filter(mine, account=access.account).select_related("owner__user").order_by(Lower("name"), "id")


class SavedView(LaidOut):
    """A filter with a name, and whether it becomes an export by itself; that is laid out as the row says.

    `owner` is None where its owner left the account: a shared view stays.
    """

    account = models.ForeignKey(Account, models.CASCADE)
    owner = models.ForeignKey(Membership, models.SET_NULL, null=True)
    name = models.CharField(_("name"), max_length=80)
    query = models.TextField(_("filter"), blank=True)
    is_shared = models.BooleanField(_("shared with the account"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    every = models.PositiveSmallIntegerField(_("export it"), choices=Every, default=Every.NEVER)
    weekday = models.PositiveSmallIntegerField(_("on"), choices=Weekday, default=Weekday.MONDAY)
    hour = models.PositiveSmallIntegerField(_("at"), default=7)
    next_at = models.DateTimeField(null=True)

    objects = ViewQuerySet.as_manager()

    class Meta:
        db_table = "feeds_saved_view"
        constraints = [
            models.UniqueConstraint("account", "owner", Lower("name"), name="feeds_saved_view_name"),
            # Never without the moment, and no moment without it: what is due is what this column says.
            models.CheckConstraint(
                condition=models.Q(every=Every.NEVER, next_at__isnull=True)
                | (models.Q(every__gt=Every.NEVER) & models.Q(next_at__isnull=False)),
                name="feeds_saved_view_next",
            ),
        ]
        indexes = [models.Index("next_at", name="feeds_saved_view_due", condition=models.Q(next_at__isnull=False))]

    def __str__(self) -> str:
        return self.name

    def may_change(self, access: Access) -> bool:
        """Whether this person may change and delete it: its owner, for shared ones also an administrator."""
        return self.owner_id == access.membership.pk or (self.is_shared and access.may(Role.ADMIN))


class Choice(LaidOut):
    """What a member chose last for downloads, and the view they begin with (None: all emails)."""

    membership = models.OneToOneField(Membership, models.CASCADE, primary_key=True)
    default_view = models.ForeignKey(SavedView, models.SET_NULL, null=True)

    class Meta:
        db_table = "feeds_choice"


class State(models.IntegerChoices):
    WAITING = 0, pgettext_lazy("export", "Waiting")
    RUNNING = 1, pgettext_lazy("export", "Running")
    DONE = 2, pgettext_lazy("export", "Done")
    FAILED = 3, pgettext_lazy("export", "Failed")
    CANCELLED = 4, pgettext_lazy("export", "Cancelled")
    EXPIRED = 5, pgettext_lazy("export", "Expired")


UNDER_WAY = (State.WAITING, State.RUNNING)


class ExportQuerySet(models.QuerySet["Export"]):
    def of(self, access: Access) -> ExportQuerySet:
        """The exports of the account this person is in, newest first."""
        return self.filter(account=access.account).select_related("made_by", "view").order_by("-id")

    def under_way(self) -> ExportQuerySet:
        return self.filter(state__in=UNDER_WAY)


class Export(LaidOut):
    """A file of emails made in the background.

    Which emails are in it is settled when it is counted (`counted_at`), in one snapshot; `emails` is how many. `taken`
    of them were dealt with so far, `gone` of these did not exist any more. The first `size` bytes of the file are
    complete and on disk. `touched_at` is when a worker last came to it, `tries` how often one did since it got further.
    """

    account = models.ForeignKey(Account, models.CASCADE)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    view = models.ForeignKey(SavedView, models.SET_NULL, null=True)
    query = models.TextField(blank=True)
    token = models.CharField(max_length=64, unique=True)
    state = models.PositiveSmallIntegerField(_("state"), choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(null=True)
    time_zone = models.CharField(max_length=64)
    emails = models.BigIntegerField(null=True)
    taken = models.BigIntegerField(default=0)
    gone = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        db_table = "feeds_export"
        indexes = [
            models.Index("account", models.F("id").desc(), name="feeds_export_account"),
            models.Index("touched_at", name="feeds_export_under_way", condition=models.Q(state__in=UNDER_WAY)),
            models.Index("expires_at", name="feeds_export_expiring", condition=models.Q(state=State.DONE)),
        ]

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def percent(self) -> int:
        """How much of it is done, 0 to 100; 100 only when all of it is."""
        if self.state == State.DONE or not self.emails:
            return 100 if self.state == State.DONE else 0
        return min(99, self.taken * 100 // self.emails)

    def time_left(self, now: datetime) -> timedelta | None:
        """How long it will still take at the speed it had so far; None while nobody can tell."""
        if self.state != State.RUNNING or not (self.counted_at and self.emails) or self.taken < ENOUGH_TO_GUESS:
            return None
        return (now - self.counted_at) * ((self.emails - self.taken) / self.taken)

    def may_change(self, access: Access) -> bool:
        """Whether this person may cancel and delete it: who made it, or an administrator."""
        return self.made_by_id == access.membership.user_id or access.may(Role.ADMIN)

    @property
    def file_name(self) -> str:
        """What the file is called where it is saved: like a download of the same emails, with the export's number."""
        day = self.created_at.astimezone(ZoneInfo(self.time_zone)).date()
        return f"livefeeds-{self.account.slug}-{day}-{self.pk}.{self.layout.ending}"

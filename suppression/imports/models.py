"""The table of imports: files of addresses that are put on a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account

if TYPE_CHECKING:
    from suppression.lists import List


class State(models.IntegerChoices):
    UPLOADED = 0, pgettext_lazy("import", "Not begun")
    WAITING = 1, pgettext_lazy("import", "Waiting")
    RUNNING = 2, pgettext_lazy("import", "Running")
    DONE = 3, pgettext_lazy("import", "Done")
    FAILED = 4, pgettext_lazy("import", "Failed")
    CANCELLED = 5, pgettext_lazy("import", "Cancelled")


UNDER_WAY = (State.WAITING, State.RUNNING)


class Encoding(models.TextChoices):
    """How the letters of the file are written, by the names Python has for it."""

    UTF_8 = "utf-8", "UTF-8"
    LATIN_1 = "cp1252", "Latin-1 (Windows-1252)"


class Delimiter(models.TextChoices):
    COMMA = ",", _("Comma")
    SEMICOLON = ";", _("Semicolon")
    TAB = "\t", _("Tab")


class Meaning(models.TextChoices):
    """What a column of the file holds."""

    NOTHING = "", pgettext_lazy("column of a file", "Not read")
    TARGET = "target", pgettext_lazy("column of a file", "Address or domain")
    REASON = "reason", pgettext_lazy("column of a file", "Reason")
    AT = "at", pgettext_lazy("column of a file", "Date")
    UNTIL = "until", pgettext_lazy("column of a file", "Until")
    NOTE = "note", pgettext_lazy("column of a file", "Note")
    COMMENT = "comment", pgettext_lazy("column of a file", "Answer of the recipient's server")


class ImportQuerySet(models.QuerySet["Import"]):
    def of(self, at: List) -> ImportQuerySet:
        """Those of this list, newest first."""
        return self.filter(account=at.account_id).order_by("-id")

    def under_way(self) -> ImportQuerySet:
        return self.filter(state__in=UNDER_WAY)


class Import(models.Model):
    """A file whose lines are put on a list. Without an account it is the installation's.

    The file is UTF-8 or Latin-1, with newlines, however it came. Of its `size` bytes the first `place` are dealt with,
    which are `line` lines and held `taken` records: `added` new entries, `known` that were on the list already,
    `repeated` that the file has more than once, and `bad`. Of these the first `reported` are told in the report, of
    which `report_size` bytes are complete. `touched_at` is when a worker last came to it, `tries` how often one did
    since it got further. `language` is that of the report.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    actor_name = models.CharField(max_length=150)
    token = models.CharField(max_length=64, unique=True)
    file_name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    state = models.PositiveSmallIntegerField(_("state"), choices=State, default=State.UPLOADED)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    language = models.CharField(max_length=10)

    encoding = models.CharField(_("letters"), max_length=10, choices=Encoding, default=Encoding.UTF_8)
    delimiter = models.CharField(_("between the columns"), max_length=1, choices=Delimiter, default=Delimiter.COMMA)
    has_header = models.BooleanField(_("The first line names the columns"), default=False)
    columns: models.JSONField[list[str]] = models.JSONField(default=list)
    takes_domains = models.BooleanField(_("Take whole domains and patterns as well"), default=False)
    is_day_first = models.BooleanField(_("dates with slashes"), default=True)
    # One of suppression.models.Reason, which cannot be named here: that module brings this one along.
    reason = models.PositiveSmallIntegerField(_("reason"), default=4)
    note = models.TextField(_("note"), blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)

    place = models.BigIntegerField(default=0)
    line = models.BigIntegerField(default=0)
    taken = models.BigIntegerField(default=0)
    added = models.BigIntegerField(default=0)
    known = models.BigIntegerField(default=0)
    repeated = models.BigIntegerField(default=0)
    bad = models.BigIntegerField(default=0)
    reported = models.BigIntegerField(default=0)
    report_size = models.BigIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("account", models.F("id").desc(), name="suppression_import_newest"),
            models.Index(
                "touched_at", name="suppression_import_under_way", condition=models.Q(state__in=UNDER_WAY)
            ),
            models.Index(
                "expires_at", name="suppression_import_expiring", condition=models.Q(expires_at__isnull=False)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.file_name

    @property
    def ident(self) -> str:
        """What its causes are called within their entries."""
        return f"i{self.pk}"

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def is_begun(self) -> bool:
        return self.state != State.UPLOADED

    @property
    def percent(self) -> int:
        """How much of it is done, 0 to 100; 100 only when all of it is."""
        if self.state == State.DONE or not self.size:
            return 100 if self.state == State.DONE else 0
        return min(99, self.place * 100 // self.size)

    @property
    def state_name(self) -> str:
        return State(self.state).name.lower()

"""Who must not be mailed: the entries of the list, why each is there, and what was taken off it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account, ApiKey, Ours
from suppression.imports import models as imports  # noqa: F401  (their table is the list's as well)

if TYPE_CHECKING:
    from accounts.access import Access


class Reason(models.IntegerChoices):
    """Why somebody must not be mailed."""

    HARD_BOUNCE = 1, _("Hard bounce")
    SPAM = 2, _("Reported as spam")
    UNSUBSCRIBED = 3, _("Unsubscribed")
    MANUAL = 4, pgettext_lazy("reason", "Manual")
    INVALID = 5, _("Invalid address")


class Covers(models.IntegerChoices):
    """What an entry covers; `suppression.targets` says how each is written."""

    ADDRESS = 1, pgettext_lazy("covers", "One address")
    DOMAIN = 2, pgettext_lazy("covers", "A domain")
    SUBDOMAINS = 3, pgettext_lazy("covers", "A domain with its subdomains")
    PATTERN = 4, pgettext_lazy("covers", "A pattern")


class Origin(models.IntegerChoices):
    """Who or what put it on the list."""

    EVENT = 1, pgettext_lazy("origin", "An event")
    PERSON = 2, pgettext_lazy("origin", "A person")
    KEY = 3, pgettext_lazy("origin", "The API")
    IMPORT = 4, pgettext_lazy("origin", "An import")


class How(models.IntegerChoices):
    """How something came off the list."""

    PERSON = 1, pgettext_lazy("removal", "By hand")
    KEY = 2, pgettext_lazy("removal", "By the API")
    UNDO = 3, pgettext_lazy("removal", "By undoing")
    EXPIRED = 4, pgettext_lazy("removal", "Its time was over")
    CAME_BACK = 5, pgettext_lazy("removal", "By the recipient, who took the unsubscription back")


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def visible_in(self, access: Access) -> SuppressionQuerySet:
        """The list of the account this person is in."""
        return self.filter(account=access.account)

    def of_installation(self) -> SuppressionQuerySet:
        """The list that holds for all accounts. Only for pages of those who run the installation."""
        return self.filter(account=None)


class Suppression(models.Model):
    """An entry of the list: one target, one reason. Without an account it holds for the whole installation.

    `since`, `until` (None: for ever), `origin` and `added_at` follow from its causes: the earliest `at`, the latest
    `until`, who or what gave the earliest, and when the first of them came on the list. An address that bounced and
    complained has two entries, so that taking one back leaves the other.
    """

    # Every index begins with it.
    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False)
    target = models.TextField(_("address or domain"))
    covers = models.PositiveSmallIntegerField(_("covers"), choices=Covers, default=Covers.ADDRESS)
    domain = models.TextField(_("domain"))
    reason = models.PositiveSmallIntegerField(_("reason"), choices=Reason)
    origin = models.PositiveSmallIntegerField(_("added by"), choices=Origin, default=Origin.EVENT)
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True)
    added_at = models.DateTimeField(_("added"), default=timezone.now)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                "account", "target", "reason", name="suppression_one_per_reason", nulls_distinct=False
            )
        ]
        indexes = [
            models.Index("account", F("added_at").desc(), F("id").desc(), name="suppression_newest"),
            models.Index("account", "reason", F("added_at").desc(), F("id").desc(), name="suppression_of_reason"),
            models.Index("account", "domain", F("added_at").desc(), F("id").desc(), name="suppression_of_domain"),
            models.Index("account", "origin", F("added_at").desc(), F("id").desc(), name="suppression_of_origin"),
            # What covers more than one address: few rows, however long the list is.
            models.Index(
                "account",
                "covers",
                F("added_at").desc(),
                F("id").desc(),
                name="suppression_wide",
                condition=Q(covers__gt=Covers.ADDRESS),
            ),
            models.Index("account", name="suppression_patterns", condition=Q(covers=Covers.PATTERN)),
            models.Index("until", name="suppression_until", condition=Q(until__isnull=False)),
            GinIndex(fields=["target"], name="suppression_part", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.target}: {self.get_reason_display()}"


class Cause(models.Model):
    """One fact that put an entry on the list, or keeps it there: an event, somebody's word, a line of an import.

    `ident` says what it is within its entry, so that nothing counts twice: of an event "e" with the email and the
    event's key, of a person "u" and their id, of a key "k" and its id, of an import "i" and its id. `comment` is what
    the server said, `note` what a person wrote, `at` when it happened, `actor_name` who it was, kept as it read then.
    """

    suppression = models.ForeignKey(Suppression, models.CASCADE, related_name="causes", db_index=False)
    # The one of the entry; not checked again, of a million lines of an import.
    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False, db_constraint=False)
    ident = models.TextField()
    origin = models.PositiveSmallIntegerField(choices=Origin)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    added_at = models.DateTimeField(default=timezone.now)
    source_id = models.IntegerField(null=True)
    email_id = models.BigIntegerField(null=True)
    event_key = models.BigIntegerField(null=True)
    import_id = models.BigIntegerField(null=True)
    # Not checked by the database either: it is the same one in all lines of an import.
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, db_index=False, db_constraint=False)
    key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, db_index=False)
    actor_name = models.CharField(max_length=150, blank=True)
    comment = models.TextField(blank=True)
    note = models.TextField(blank=True)

    objects = Ours["Cause"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint("suppression", "ident", name="suppression_cause_once")]
        indexes = [
            models.Index("account", F("added_at").desc(), F("id").desc(), name="suppression_cause_newest"),
            models.Index("user", name="suppression_cause_user", condition=Q(user__isnull=False)),
            models.Index("key", name="suppression_cause_key", condition=Q(key__isnull=False)),
            models.Index("email_id", name="suppression_cause_email", condition=Q(email_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_origin_display()}, {self.at:%Y-%m-%d %H:%M}"


class Removal(models.Model):
    """Somebody or something took entries, or some of their causes, off the list. Its rows are in `Removed`."""

    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False)
    at = models.DateTimeField(default=timezone.now)
    how = models.PositiveSmallIntegerField(_("how"), choices=How)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    key = models.ForeignKey(ApiKey, models.SET_NULL, null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    note = models.TextField(_("why"), blank=True)
    entries = models.BigIntegerField(default=0)

    objects = Ours["Removal"].as_manager()

    class Meta:
        indexes = [models.Index("account", F("id").desc(), name="suppression_removal_newest")]

    def __str__(self) -> str:
        return f"{self.get_how_display()}, {self.at:%Y-%m-%d %H:%M}"


class Removed(models.Model):
    """What a removal took off: an entry as it was, with the causes that were taken, as JSON by their columns.

    `is_whole` says whether the entry went; else other causes kept it. `is_back`: the removal was taken back.
    """

    removal = models.ForeignKey(Removal, models.CASCADE, related_name="rows")
    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False)
    target = models.TextField()
    covers = models.PositiveSmallIntegerField(choices=Covers)
    domain = models.TextField()
    reason = models.PositiveSmallIntegerField(choices=Reason)
    added_at = models.DateTimeField()
    is_whole = models.BooleanField()
    is_back = models.BooleanField(default=False)
    causes: models.JSONField[list[dict[str, Any]]] = models.JSONField()

    objects = Ours["Removed"].as_manager()

    class Meta:
        indexes = [models.Index("account", "target", name="suppression_removed_target")]

    def __str__(self) -> str:
        return f"{self.target}: {self.get_reason_display()}"


class Tally(models.Model):
    """How many entries of a reason came on an account's list in an hour, and how many went.

    Rows are only added: of one that all had to change, the events of an account would wait for each other. Whoever
    reads adds up; `suppression.tallies` does so for good from time to time.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False)
    reason = models.PositiveSmallIntegerField(choices=Reason)
    hour = models.DateTimeField()
    added = models.BigIntegerField(default=0)
    removed = models.BigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index("account", "reason", "hour", name="suppression_tally_hour"),
            models.Index("hour", name="suppression_tally_old"),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}, {self.hour:%Y-%m-%d %H:00}: +{self.added} -{self.removed}"

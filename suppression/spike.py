"""The tables of what is usual on a list, and of what was not."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, Ours
from suppression.models import Reason
from suppression.undo import Undo


class Rate(models.Model):
    """How many suppressions of a reason came by themselves in an hour: all, those of one domain ("" all), or those of
    one source (0 all). What is rare has no row."""

    account = models.ForeignKey(Account, models.CASCADE, db_index=False)
    hour = models.DateTimeField(db_index=True)
    reason = models.PositiveSmallIntegerField(choices=Reason)
    domain = models.TextField(default="")
    source_id = models.IntegerField(default=0)
    n = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "reason", "domain", "source_id", "hour", name="suppression_rate_once")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}: {self.n}"


class Spike(models.Model):
    """Far more suppressions of a reason than an account usually has: of all, of one domain, or of one source (0 all).

    `n` is the most there were in an hour, `usual` how many the busiest hours had before, `limit` beyond what it
    counts as unusual. It goes on until `ended_at`. It is told until it was undone, or somebody said that it is right.
    """

    account = models.ForeignKey(Account, models.CASCADE, db_index=False)
    reason = models.PositiveSmallIntegerField(_("reason"), choices=Reason)
    domain = models.TextField(default="")
    source_id = models.IntegerField(default=0)
    starts_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    n = models.BigIntegerField()
    usual = models.BigIntegerField()
    limit = models.BigIntegerField()
    undo = models.ForeignKey(Undo, models.SET_NULL, null=True)
    dismissed_by = models.CharField(max_length=150, blank=True)
    dismissed_at = models.DateTimeField(null=True)

    objects = Ours["Spike"].as_manager()

    class Meta:
        indexes = [
            models.Index("account", models.F("id").desc(), name="suppression_spike_newest"),
            models.Index("account", name="suppression_spike_open", condition=models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.domain}: {self.n}"

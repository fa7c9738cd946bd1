"""The table of what was taken off the list together, because all of it was one mistake."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Account
from suppression.models import Origin, Reason, Removal


class State(models.IntegerChoices):
    """How far an undo is."""

    REMOVING = 1, pgettext_lazy("undo", "Under way")
    DONE = 2, pgettext_lazy("undo", "Done")
    STOPPED = 3, pgettext_lazy("undo", "Stopped")
    RETURNING = 4, pgettext_lazy("undo", "Being taken back")
    RETURNED = 5, pgettext_lazy("undo", "Taken back")


class Undo(models.Model):
    """Somebody wants the causes that match taken off the list, and the entries that nothing else keeps there.

    `reasons` to `added_to` say which match: all of it that is set, `added_to` itself excluded, and no cause beyond
    `last_cause`, the newest when they were counted. `place_at` and `place_id` are the cause below which the next step
    goes on, `seen` how many were looked at. What went is kept by `removal`: `entries` went, `kept` stayed because of
    other causes, and `returned` came back. `problem` says why it ended before its end.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, db_index=False)
    created_at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True)
    note = models.TextField(_("why"), blank=True)
    reasons = ArrayField(models.PositiveSmallIntegerField(choices=Reason), default=list)
    origin = models.PositiveSmallIntegerField(choices=Origin, null=True)
    source_id = models.IntegerField(null=True)
    import_id = models.BigIntegerField(null=True)
    domain = models.TextField(blank=True)
    words = models.TextField(blank=True)
    added_from = models.DateTimeField(null=True)
    added_to = models.DateTimeField(null=True)
    last_cause = models.BigIntegerField()
    removal = models.OneToOneField(Removal, models.CASCADE)
    state = models.PositiveSmallIntegerField(choices=State, default=State.REMOVING)
    place_at = models.DateTimeField(null=True)
    place_id = models.BigIntegerField(null=True)
    expected = models.BigIntegerField(default=0)
    seen = models.BigIntegerField(default=0)
    entries = models.BigIntegerField(default=0)
    kept = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    returned = models.BigIntegerField(default=0)
    returned_by = models.CharField(max_length=150, blank=True)
    returned_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index("account", models.F("id").desc(), name="suppression_undo_newest"),
            models.Index(
                "id", name="suppression_undo_open", condition=models.Q(state__in=(State.REMOVING, State.RETURNING))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}, {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        """Whether steps of it are still to be made."""
        return self.state in (State.REMOVING, State.RETURNING)

    @property
    def can_return(self) -> bool:
        """Whether what it took off can be put back."""
        return self.state in (State.DONE, State.STOPPED) and bool(self.entries or self.kept)

"""The table of what is done with all emails of a filter at once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Ours


class Action(models.TextChoices):
    """What people may have done with emails."""

    RETRY = "retry", _("Try again now")
    GIVE_UP = "give-up", _("Give up")
    RESEND = "resend", _("Send once more")


class Errand(models.Model):
    """Somebody wants this done with all emails of a filter that were there at `created_at`; in steps (errands.py).

    `place` is the id below which the next step goes on, `seen` how many emails were looked at, `done` with how many it
    was done, and `problem` why it was not with the last of the `refused` others, or why all of it ended.
    """

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="errands")
    action = models.CharField(max_length=10, choices=Action)
    query = models.TextField()
    expected = models.IntegerField()
    is_expected_exact = models.BooleanField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    place = models.BigIntegerField()
    seen = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    problem = models.TextField(default="")
    stopped = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True)

    objects = Ours["Errand"].as_manager()

    class Meta:
        verbose_name = pgettext_lazy("something to do with many emails", "errand")
        verbose_name_plural = pgettext_lazy("something to do with many emails", "errands")
        indexes = [
            models.Index(fields=["id"], name="delivery_errand_open", condition=models.Q(finished_at=None)),
            models.Index(fields=["account", "-id"], name="delivery_errand_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.query}"

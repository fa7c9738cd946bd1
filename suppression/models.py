"""The addresses an account must not mail."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Reason(models.IntegerChoices):
    """Why an address must not be mailed."""

    HARD_BOUNCE = 1, _("Hard bounce")
    SPAM = 2, _("Reported as spam")
    UNSUBSCRIBED = 3, _("Unsubscribed")
    MANUAL = 4, _("Added by hand")


class Suppression(models.Model):
    """One address, one reason, and the earliest event that gave it.

    An address that bounced and complained has two rows, so that taking one cause back leaves the other.
    """

    account = models.ForeignKey("accounts.Account", models.CASCADE)
    address = models.TextField(_("address"))
    reason = models.PositiveSmallIntegerField(_("reason"), choices=Reason)
    since = models.DateTimeField(_("since"))
    email_id = models.BigIntegerField(null=True)
    event_key = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [models.UniqueConstraint("account", "address", "reason", name="one_row_per_address_and_reason")]

    def __str__(self) -> str:
        return f"{self.address}: {self.get_reason_display()}"

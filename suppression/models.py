"""The addresses an account must not mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.access import Access


class Reason(models.IntegerChoices):
    """Why an address must not be mailed."""

    HARD_BOUNCE = 1, _("Hard bounce")
    SPAM = 2, _("Reported as spam")
    UNSUBSCRIBED = 3, _("Unsubscribed")
    MANUAL = 4, _("Added by hand")


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def visible_in(self, access: Access) -> SuppressionQuerySet:
        """The list of the account this person is in."""
        return self.filter(account=access.account)

    def of_address(self, address: str) -> SuppressionQuerySet:
        """Why this address (in any case) must not be mailed, the earliest reason first."""
        return self.filter(address=address.lower()).order_by("since", "reason")


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

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [models.UniqueConstraint("account", "address", "reason", name="one_row_per_address_and_reason")]

    def __str__(self) -> str:
        return f"{self.address}: {self.get_reason_display()}"

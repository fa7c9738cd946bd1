"""The table of the domains that accounts send from."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Ours
from accounts.vault import SealedJSONField


class Domains(Ours["SenderDomain"]):
    """The domains of accounts."""

    def usable(self) -> Self:
        """Those that mail may be sent from."""
        return self if settings.TRUST_SENDER_DOMAINS else self.exclude(proven_at=None)


class SenderDomain(models.Model):
    """A domain an account sends from, with the key its mail is signed with, and what DNS says of it.

    Mail is sent from it once `proven_at` says that it is the account's: because its key was found in DNS, or because
    `vouched_by`, who runs the installation, said so (proofs.py). `checks` holds the last look into DNS, by record:
    {"dkim": {"ok": true, "found": "...", "wanted": "..."}, ...}.
    """

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="sender_domains")
    name = models.CharField(_("domain"), max_length=253)
    selector = models.CharField(_("selector"), max_length=63)
    private_key: SealedJSONField = SealedJSONField()
    public_key = models.TextField()
    return_path = models.CharField(_("return-path domain"), max_length=253, blank=True)
    tracking_host = models.CharField(_("tracking domain"), max_length=253, blank=True)
    transport = models.ForeignKey(
        "delivery.Transport", models.SET_NULL, null=True, blank=True, verbose_name=_("transport")
    )
    checks: models.JSONField = models.JSONField(default=dict)
    checked_at = models.DateTimeField(null=True)
    proven_at = models.DateTimeField(null=True)
    vouched_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = Domains.as_manager()

    class Meta:
        verbose_name = _("sender domain")
        verbose_name_plural = _("sender domains")
        constraints = [models.UniqueConstraint("account", "name", name="one_sender_domain_per_account_and_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        """Whether mail may be sent from it."""
        return self.proven_at is not None or bool(settings.TRUST_SENDER_DOMAINS)

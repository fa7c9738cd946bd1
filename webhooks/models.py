"""Where outside events come from."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.vault import SealedJSONField

if TYPE_CHECKING:
    from collections.abc import Collection

    from accounts.access import Access


def new_token() -> str:
    """The secret part of a source's address: 192 bits."""
    return secrets.token_urlsafe(24)


class SourceQuerySet(models.QuerySet["Source"]):
    def of(self, access: Access) -> SourceQuerySet:
        """The sources of the account this person is in, by name."""
        return self.filter(account=access.account).order_by("name", "id")

    def names(self, account_id: int, source_ids: Collection[int] | None = None) -> dict[int, str]:
        """What these sources of an account are called, or all it has."""
        ours = self.filter(account_id=account_id)
        return dict((ours if source_ids is None else ours.filter(id__in=source_ids)).values_list("id", "name"))


class Source(models.Model):
    """A provider's webhook of one account: its secret address, and the provider's own secrets, encrypted."""

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="sources")
    name = models.CharField(_("name"), max_length=100)
    provider = models.CharField(_("provider"), max_length=40)
    token = models.CharField(max_length=64, unique=True, default=new_token)
    secrets: SealedJSONField = SealedJSONField(default=dict)
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    def __str__(self) -> str:
        return self.name


class SeenNonce(models.Model):
    """A value a provider uses once (Mailgun's token), with the digest of the body it came with."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Source, models.CASCADE)
    nonce = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("source", "nonce", name="nonce_once_per_source")]
        indexes = [models.Index("seen_at", name="nonce_seen_at")]

    def __str__(self) -> str:
        return self.nonce

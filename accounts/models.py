"""People, the accounts they belong to, and what they may do there."""

from __future__ import annotations

import zoneinfo
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.access import Access


class User(AbstractUser):
    """A person who signs in. What they may see is said by their memberships alone."""

    class Meta(AbstractUser.Meta):
        pass


class Role(models.IntegerChoices):
    """What a member may do; each role may do all that the ones before it may."""

    VIEWER = 10, _("Viewer")
    MEMBER = 20, _("Member")
    ADMIN = 30, _("Administrator")
    OWNER = 40, _("Owner")


def validate_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA time zone this machine knows."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(name)s” is not a time zone. Choose one such as America/Sao_Paulo."), params={"name": name}
        )


class AccountQuerySet(models.QuerySet["Account"]):
    def of(self, user: User) -> AccountQuerySet:
        """Accounts this person is a member of, by name."""
        return self.filter(membership__user=user).order_by("name", "id")


class Account(models.Model):
    """One tenant: its emails, sources, lists, settings, credits and members."""

    id = models.AutoField(primary_key=True)
    slug = models.SlugField(
        _("address"), max_length=50, unique=True, help_text=_("Part of this account's page addresses.")
    )
    name = models.CharField(_("name"), max_length=100)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone],
        help_text=_("Times and days are shown, filtered and counted in this zone."),
    )  # fmt: skip
    enabled = models.BooleanField(_("enabled"), default=True)
    disabled_reason = models.CharField(_("why it is disabled"), max_length=200, blank=True)
    is_metered = models.BooleanField(
        _("limited by credits"), default=False, help_text=_("Otherwise it sends as much as it likes.")
    )
    credits = models.BigIntegerField(_("credits"), default=0, help_text=_("One is used for each recipient sent to."))
    retention_days = models.PositiveSmallIntegerField(
        _("retention in days"), default=90, validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("Emails and events older than this are no longer shown, and are removed with their month."),
    )  # fmt: skip
    content_days = models.PositiveSmallIntegerField(
        _("content kept for days"), default=7, validators=[MaxValueValidator(365)],
        help_text=_("How long texts and files of sent emails are kept after the last possible attempt. 0: not at all."),
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership")

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone people of this account read times in."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def has_run_out(self) -> bool:
        """Whether what it sends is held because no credits are left."""
        return self.is_metered and self.credits <= 0

    def kept_since(self, now: datetime) -> datetime:
        """The moment before which this account's emails are no longer shown."""
        return now - timedelta(days=self.retention_days)


class Membership(models.Model):
    """One person in one account, with a role."""

    account = models.ForeignKey(Account, models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    role = models.PositiveSmallIntegerField(_("role"), choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [models.UniqueConstraint("account", "user", name="one_membership_per_person_and_account")]

    def __str__(self) -> str:
        return f"{self.user} @ {self.account}"

    def may(self, role: Role) -> bool:
        """Whether this member may do what `role` may."""
        return self.role >= role


class Ours[M: models.Model](models.QuerySet[M]):
    """Rows of one account."""

    def of(self, access: Access) -> models.QuerySet[M]:
        """Those of the account this person is in."""
        return self.filter(account=access.account)


# ---- Keys of programs -------------------------------------------------------------------------------------


class Scope(models.TextChoices):
    """What a key is good for."""

    SEND = "send", pgettext_lazy("scope", "Send mail")
    READ = "read", pgettext_lazy("scope", "Read events, emails and figures")
    SUPPRESS = "suppress", pgettext_lazy("scope", "Change the suppression list")
    ALL = "all", pgettext_lazy("scope", "All of it")


class ApiKey(models.Model):
    """What a program signs in with. `accounts.keys` makes, checks and revokes them; none is ever deleted.

    `digest` is the SHA-256 of the whole key, which is kept nowhere. `networks` are CIDR texts; empty means any.
    """

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope), verbose_name=_("scopes"))
    networks = ArrayField(models.CharField(max_length=50), default=list, blank=True, verbose_name=_("networks"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = Ours["ApiKey"].as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        indexes = [models.Index(fields=["account", "-id"], name="accounts_apikey_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scope_words(self) -> list[str]:
        """What it may do, in words."""
        return [str(Scope(scope).label) for scope in self.scopes]

    def may(self, scope: Scope) -> bool:
        """Whether it is good for this."""
        return scope in self.scopes or Scope.ALL in self.scopes


# ---- What was done, and credits ---------------------------------------------------------------------------


class AuditEntry(models.Model):
    """Somebody changed something of an account. Written by `accounts.audit.note` alone, and never changed.

    `actor_name` stays readable when the person or key is gone; "" is the installation itself. `action` is a word such
    as "key.created", `subject` what was changed, by name, `details` facts, {"before", "after"} where they were changed.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="audit_entries")
    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    key = models.ForeignKey(ApiKey, models.SET_NULL, null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    action = models.CharField(max_length=50)
    subject = models.CharField(max_length=300, blank=True)
    details: models.JSONField = models.JSONField(default=dict)

    objects = Ours["AuditEntry"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "-id"], name="accounts_audit_newest"),
            models.Index(fields=["account", "action", "-id"], name="accounts_audit_action"),
            models.Index(fields=["account", "actor_name", "-id"], name="accounts_audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.subject}"


class CreditEntry(models.Model):
    """Credits somebody who runs the installation gave (or took away, below zero), and what the account had then."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="credit_entries")
    at = models.DateTimeField(default=timezone.now)
    amount = models.BigIntegerField()
    balance = models.BigIntegerField()
    note = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    by_name = models.CharField(max_length=150, blank=True)
    # What tells the second press of a button from a second wish.
    once = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["account", "-id"], name="accounts_credit_newest")]
        constraints = [models.UniqueConstraint(fields=["account", "once"], name="accounts_credit_once")]

    def __str__(self) -> str:
        return f"{self.amount:+} {self.note}"

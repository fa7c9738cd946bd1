"""People, the accounts they belong to, and what they may do there."""

from __future__ import annotations

import zoneinfo
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime


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

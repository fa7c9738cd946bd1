"""What an account wants to know of its mail, and what people see who unsubscribe."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class TrackingSettings(models.Model):
    """The switches of an account (domain ""), or of one domain it sends from. None: as the next wider one says."""

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE)
    domain = models.CharField(_("sender domain"), max_length=253, blank=True)
    open = models.BooleanField(_("open tracking"), null=True)
    click = models.BooleanField(_("click tracking"), null=True)
    unsubscribe = models.BooleanField(_("unsubscribe link"), null=True)
    text_links = models.BooleanField(_("links in plain text"), null=True)
    host = models.CharField(_("tracking host name"), max_length=253, blank=True)
    # Of the account's row: since when stored visits are to be judged again, up to which email that was done, and how
    # the last time ended.
    judge_asked_at = models.DateTimeField(null=True)
    judge_after = models.BigIntegerField(default=0)
    judged_at = models.DateTimeField(null=True)
    judged_changed = models.IntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("tracking settings")
        verbose_name_plural = _("tracking settings")
        constraints = [models.UniqueConstraint("account", "domain", name="one_tracking_setting_per_domain")]

    def __str__(self) -> str:
        return self.domain or "*"


class Farewell(models.Model):
    """What an account says to people who unsubscribe: the link in the mail, the page, and where they go then.

    `texts` is {"en": {"title": ..., "text": ..., "done": ...}, ...}; what is missing is said in our words.
    """

    account = models.OneToOneField("accounts.Account", models.CASCADE, primary_key=True)
    link_text = models.CharField(_("text of the link"), max_length=100, blank=True)
    texts: models.JSONField = models.JSONField(default=dict)
    logo = models.BinaryField(null=True)
    logo_type = models.CharField(max_length=20, blank=True)
    redirect_url = models.URLField(_("address to go to afterwards"), max_length=1000, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("unsubscribe page")
        verbose_name_plural = _("unsubscribe pages")

    def __str__(self) -> str:
        return str(self.account_id)


class LeaveVisit(models.Model):
    """That somebody, or a machine, looked at the page to unsubscribe at: the looks of an email, counted."""

    email_id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE)
    first_at = models.DateTimeField()
    people = models.IntegerField(default=0)
    machines = models.IntegerField(default=0)

    class Meta:
        indexes = [
            models.Index("account", "first_at", name="tracking_visits"),
            models.Index("first_at", name="tracking_visits_old"),
        ]

    def __str__(self) -> str:
        return str(self.email_id)


class Look(models.Model):
    """One look at the page to unsubscribe at, with what its judgement needs. `facts` are of `persons.FACTS`."""

    pk = models.CompositePrimaryKey("email_id", "key")
    email_id = models.BigIntegerField()
    key = models.BigIntegerField()
    account = models.ForeignKey("accounts.Account", models.CASCADE, db_index=False)
    at = models.DateTimeField()
    ip = models.TextField()
    agent = models.TextField()
    facts = models.TextField()
    is_machine = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index("at", name="tracking_look_old")]

    def __str__(self) -> str:
        return f"{self.email_id} {self.at}"


class Met(models.Model):
    """Which emails were visited from an address within a minute (counted since 1970). Kept for an hour."""

    pk = models.CompositePrimaryKey("minute", "ip", "email_id")
    minute = models.IntegerField()
    ip = models.TextField()
    email_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.ip} {self.minute}"

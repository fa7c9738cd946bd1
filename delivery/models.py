"""What is to be sent, how, and what servers said to it.

The tables are the queue and the schedule; the broker only says "look now".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.vault import SealedJSONField
from delivery.errand import Errand as Errand  # noqa: PLC0414  # a table of this app as well
from delivery.senders import SenderDomain as SenderDomain  # noqa: PLC0414  # and so is this
from feeds.codes import Verdict as Verdict  # noqa: PLC0414  # the word of an attempt, for whoever reads one
from feeds.events import Held

if TYPE_CHECKING:
    from accounts.access import Access


def source_of(account_id: int) -> int:
    """The source under which the feed knows what an account sends from here: webhooks have the numbers above zero."""
    return -account_id


class Ours[M: models.Model](models.QuerySet[M]):
    """Rows of one account."""

    def of(self, access: Access) -> models.QuerySet[M]:
        """Those of the account this person is in."""
        return self.filter(account=access.account)


# ---- How mail leaves --------------------------------------------------------------------------------------


class Security(models.IntegerChoices):
    """How a connection to a mail server is protected."""

    OPPORTUNISTIC = 1, _("TLS where the server offers it")
    REQUIRED = 2, _("TLS required (STARTTLS)")
    IMPLICIT = 3, _("TLS from the start (port 465)")
    NONE = 4, _("no TLS")


class Transport(models.Model):
    """A way out of an account: straight to the recipients' servers, through a relay, or through a provider."""

    class Kind(models.TextChoices):
        MX = "mx", _("Straight to the recipients' servers")
        RELAY = "relay", _("Through a mail server (relay)")
        PROVIDER = "provider", _("Through a provider's API")

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="transports")
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("way"), max_length=10, choices=Kind)
    host = models.CharField(_("host"), max_length=253, blank=True)
    port = models.PositiveIntegerField(_("port"), default=587)
    security = models.PositiveSmallIntegerField(_("encryption"), choices=Security, default=Security.OPPORTUNISTIC)
    username = models.CharField(_("user name"), max_length=200, blank=True)
    provider = models.CharField(_("provider"), max_length=40, blank=True)
    source_id = models.IntegerField(null=True, blank=True)
    secrets: SealedJSONField = SealedJSONField(default=dict)
    connections = models.PositiveSmallIntegerField(_("connections at once"), default=4)
    per_minute = models.PositiveIntegerField(_("emails a minute"), null=True, blank=True)
    is_default = models.BooleanField(_("used unless a domain says otherwise"), default=False)
    enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = Ours["Transport"].as_manager()

    class Meta:
        verbose_name = _("transport")
        verbose_name_plural = _("transports")
        constraints = [
            models.UniqueConstraint(
                "account", condition=models.Q(is_default=True), name="one_default_transport_per_account"
            )
        ]

    def __str__(self) -> str:
        return self.name


class RetryPolicy(models.Model):
    """When refused mail is tried again: for one recipient domain of an account, or with "" for all others.

    `minutes` are the waits after each attempt, the last one repeating; `give_up_hours` count from acceptance.
    """

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="retry_policies")
    domain = models.CharField(_("recipient domain"), max_length=253, blank=True)
    minutes = ArrayField(models.PositiveIntegerField(), verbose_name=_("minutes between attempts"))
    give_up_hours = models.PositiveSmallIntegerField(_("give up after hours"), default=120)

    objects = Ours["RetryPolicy"].as_manager()

    class Meta:
        verbose_name = _("retry policy")
        verbose_name_plural = _("retry policies")
        constraints = [models.UniqueConstraint("account", "domain", name="one_retry_policy_per_account_and_domain")]

    def __str__(self) -> str:
        return self.domain or "*"


class Pace(models.Model):
    """How fast a destination is written to at the moment, by all accounts: a recipient domain ("" transport), or
    everything through one transport ("" domain). `per_minute` and `connections` are None where nothing was learned.
    """

    id = models.AutoField(primary_key=True)
    transport = models.ForeignKey(Transport, models.CASCADE, null=True)
    domain = models.CharField(max_length=253, blank=True)
    per_minute = models.PositiveIntegerField(null=True)
    connections = models.PositiveSmallIntegerField(null=True)
    slowed_until = models.DateTimeField(null=True)
    reply = models.TextField(default="")
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("transport", "domain", name="one_pace_per_destination", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.domain or str(self.transport_id)


# ---- What is to be sent -----------------------------------------------------------------------------------


class Origin(models.IntegerChoices):
    """How a message was handed in."""

    API = 1, _("API")
    SMTP = 2, _("SMTP")
    PAGE = 3, _("by hand")


class Message(models.Model):
    """What was handed in once, for all of its recipients: kept apart from the feed, and for less long.

    `uid` (32 hex digits) is what the caller is told. `parts` holds reply_to, html, text, amp and headers as they were
    given, `settings` the switches of the request (True, False, or missing where it says nothing). `raw` is a whole
    message (RFC 5322) instead, as SMTP brings it; `groups` is as `delivery.kept` makes it. All are emptied
    when nothing is left to try and `kept_until` is past.
    """

    id = models.BigIntegerField(primary_key=True)
    uid = models.CharField(max_length=32, unique=True)
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    origin = models.PositiveSmallIntegerField(choices=Origin)
    key_id = models.IntegerField(null=True)
    sender = models.TextField()
    sender_name = models.TextField(default="")
    subject = models.TextField()
    settings: models.JSONField = models.JSONField(default=dict)
    parts: models.JSONField = models.JSONField(null=True)
    raw = models.BinaryField(null=True)
    groups: models.JSONField = models.JSONField(null=True)
    is_test = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    kept_until = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index("kept_until", name="delivery_message_content",
                         condition=models.Q(parts__isnull=False) | models.Q(raw__isnull=False)),
            models.Index("account", "id", name="delivery_message_age"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.uid


class Attachment(models.Model):
    """A file of a message; `recipient_group` is the personalization it is for, None for all."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    recipient_group = models.IntegerField(null=True)
    name = models.TextField()
    content_type = models.TextField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.name


class Outgoing(models.Model):
    """One email that is still to be sent: when it is tried next, and until when. It goes when nothing is left to try.

    `message_uid` is the message id of its events: the message's uid, with ".n" where the same request has the same
    recipient again. `addressed` is {"to": [[name, address], ...], "cc": [...]} where others stand in the header beside
    the recipient. `claimed_by` is the mailer that has it; `interrupted` says that one ended while sending it, so that
    it may arrive twice. `reply` is the last refusal, word for word.
    """

    email_id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    message = models.ForeignKey(Message, models.DO_NOTHING, db_constraint=False)
    message_uid = models.TextField(default="")
    recipient = models.TextField()
    domain = models.TextField()
    recipient_name = models.TextField(default="")
    recipient_group = models.IntegerField(default=0)
    addressed: models.JSONField = models.JSONField(null=True)
    attributes: models.JSONField = models.JSONField(null=True)
    headers: models.JSONField = models.JSONField(null=True)
    held = models.PositiveSmallIntegerField(choices=Held, default=Held.NO)
    accepted_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    is_paid = models.BooleanField(default=False)
    interrupted = models.BooleanField(default=False)
    claimed_by = models.IntegerField(null=True)
    code = models.TextField(default="")
    reply = models.TextField(default="")

    class Meta:
        indexes = [
            # What may be claimed, by whom and where to, the longest due first: claims walk it from pair to pair.
            models.Index(
                "account", "domain", "next_attempt_at", name="delivery_outgoing_due",
                condition=models.Q(claimed_by=None, held=Held.NO),
            ),
            models.Index("account", "held", "next_attempt_at", name="delivery_outgoing_held",
                         condition=~models.Q(held=Held.NO)),
            models.Index("claimed_by", name="delivery_outgoing_claimed", condition=~models.Q(claimed_by=None)),
            models.Index("account", "email_id", name="delivery_outgoing_newest"),
            # What will take a credit, however much else of the account waits to be tried again.
            models.Index("account", name="delivery_outgoing_unpaid",
                         condition=models.Q(claimed_by=None, held=Held.NO, is_paid=False, attempts=0)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.recipient


class Attempt(models.Model):
    """One try to hand an email over, with the whole conversation. Written the moment the outcome is known.

    `conversation` is a list of {"at": milliseconds since the start, "said": "...", "answer": "..."}; what was secret
    in it is masked. An outgoing row that is claimed and has an attempt beyond its own count was sent already.
    """

    pk = models.CompositePrimaryKey("email_id", "number")
    email_id = models.BigIntegerField()
    number = models.PositiveSmallIntegerField()
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    transport_id = models.IntegerField(null=True)
    started_at = models.DateTimeField()
    took_ms = models.IntegerField()
    host = models.TextField(default="")
    ip = models.TextField(default="")
    tls = models.TextField(default="")
    verdict = models.PositiveSmallIntegerField(choices=Verdict)
    final = models.BooleanField(default=False)
    code = models.TextField(default="")
    reply = models.TextField(default="")
    provider_id = models.TextField(default="")
    interrupted = models.BooleanField(default=False)
    conversation: models.JSONField = models.JSONField(default=list)

    class Meta:
        db_table = "delivery_attempt"

    def __str__(self) -> str:
        return f"{self.number}: {self.reply}"


class Mailer(models.Model):
    """A process that sends. Without a beat for a while it counts as dead, and what it had claimed is free again."""

    id = models.AutoField(primary_key=True)
    host = models.TextField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.host} {self.id}"


class Lane(models.Model):
    """What one thread of a mailer is sending at this moment: the one email nobody knows the fate of when it dies."""

    pk = models.CompositePrimaryKey("mailer_id", "number")
    mailer = models.ForeignKey(Mailer, models.CASCADE)
    number = models.PositiveSmallIntegerField()
    email_id = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.mailer_id}.{self.number}"


class Answered(models.Model):
    """A request that was answered already, by the key its caller gave it (the header Idempotency-Key)."""

    pk = models.CompositePrimaryKey("account_id", "key")
    account = models.ForeignKey("accounts.Account", models.CASCADE)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body: models.JSONField = models.JSONField()
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Notice(models.Model):
    """That servers of a recipient domain refuse an account's mail as such: one for each hour, with the last answer."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.CASCADE)
    domain = models.CharField(max_length=253)
    starts_at = models.DateTimeField()
    emails = models.IntegerField()
    email_id = models.BigIntegerField()
    code = models.TextField()
    reply = models.TextField()

    objects = Ours["Notice"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "domain", "starts_at", name="one_notice_per_account_domain_and_hour")
        ]

    def __str__(self) -> str:
        return self.domain


class BounceDigest(models.Model):
    """Where an account is told what bounced ("": nowhere), when that was done last, and with which email."""

    account = models.OneToOneField("accounts.Account", models.CASCADE, primary_key=True)
    address = models.CharField(max_length=254)
    told_at = models.DateTimeField(null=True)
    email_id = models.BigIntegerField(null=True)

    objects = Ours["BounceDigest"].as_manager()

    def __str__(self) -> str:
        return self.address


class UntoldBounce(models.Model):
    """A bounce that no digest has told yet. It goes in the transaction that hands in the digest."""

    pk = models.CompositePrimaryKey("account_id", "email_id", "key")
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    email_id = models.BigIntegerField()
    key = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.email_id)

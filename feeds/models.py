"""The tables of the core, as Django reads them; their SQL is in the first migration.

Only `feeds.lifecycle` writes emails and events.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from feeds.events import Bounce, Held, Kind, Status
from feeds.exports import models as exports  # noqa: F401  (their tables are the core's as well)

if TYPE_CHECKING:
    from accounts.access import Access

# Ids carry time: milliseconds since this moment, shifted by 20 bits, plus a sequence (the SQL twin: feeds_id()).
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
SEQUENCE_BITS = 20
MAX_ID = 2**63 - 1


def id_at(moment: datetime) -> int:
    """The lowest id of this moment (aware). Moments before 2020 have the lowest id there is."""
    return max(0, (moment - EPOCH) // timedelta(milliseconds=1)) << SEQUENCE_BITS


def time_of(row_id: int) -> datetime:
    """The moment (UTC, milliseconds) an id was made for."""
    return EPOCH + timedelta(milliseconds=row_id >> SEQUENCE_BITS)


class Domain(models.Model):
    """A domain name that addresses end in."""

    id = models.AutoField(primary_key=True)
    name = models.TextField()

    class Meta:
        db_table = "feeds_domain"

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """A sender or recipient of one account, lower case."""

    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    domain = models.ForeignKey(Domain, models.DO_NOTHING, db_constraint=False, db_index=False)
    local = models.TextField()
    addr = models.TextField()

    class Meta:
        db_table = "feeds_address"

    def __str__(self) -> str:
        return self.addr


class EmailQuerySet(models.QuerySet["Email"]):
    def visible_in(self, access: Access, now: datetime) -> EmailQuerySet:
        """Emails of the account this person is in, as far back as it keeps them. Index: (account_id, id)."""
        return self.filter(account=access.account, id__gte=id_at(access.account.kept_since(now)))


class Email(models.Model):
    """One message to one recipient: a row of the feed. A pure function of its events, kept current by `lifecycle`.

    `id` also says where it stands in the feed (see `time`). The times are of the first event of each kind.
    """

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    source_id = models.IntegerField()
    sender_id = models.BigIntegerField(null=True)
    recipient_id = models.BigIntegerField()
    status = models.PositiveSmallIntegerField(_("status"), choices=Status)
    bounce = models.PositiveSmallIntegerField(choices=Bounce)
    is_test = models.BooleanField()
    opens = models.IntegerField(_("opens"))
    clicks = models.IntegerField(_("clicks"))
    machine_opens = models.IntegerField()
    machine_clicks = models.IntegerField()
    deferrals = models.IntegerField()
    unknowns = models.IntegerField(default=0)
    is_late = models.BooleanField(default=False)
    sender = models.TextField(_("sender"))
    recipient = models.TextField(_("recipient"))
    message_id = models.TextField()
    header_id = models.TextField(default="")
    subject = models.TextField(_("subject"))
    argument = models.TextField()
    tags = ArrayField(models.TextField())
    comment = models.TextField(_("comment"))
    code = models.TextField()
    comment_at = models.DateTimeField(null=True)
    comment_key = models.BigIntegerField(null=True)
    reason_id = models.IntegerField(null=True)
    held = models.PositiveSmallIntegerField(choices=Held, default=Held.NO, db_default=0)
    held_at = models.DateTimeField(null=True)
    held_key = models.BigIntegerField(null=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)
    spam_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)
    deferred_at = models.DateTimeField(null=True)
    machine_opened_at = models.DateTimeField(null=True)
    machine_clicked_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    objects = EmailQuerySet.as_manager()

    class Meta:
        db_table = "feeds_email"
        verbose_name = _("email")
        verbose_name_plural = _("emails")

    def __str__(self) -> str:
        return f"{self.recipient} {self.get_status_display()}"

    @property
    def time(self) -> datetime:
        """Where the email stands in the feed: when it first happened, as far as that was known when it appeared."""
        return time_of(self.id)

    @property
    def is_retrying(self) -> bool:
        """Whether a server refused it for now and no later answer is known."""
        return self.deferrals > 0 and self.status <= Status.SENT

    @property
    def is_ours(self) -> bool:
        """Whether it is sent from here. Webhooks have the source numbers above zero."""
        return self.source_id < 0

    @property
    def is_held(self) -> bool:
        """Whether it waits for something that is not up to the recipient's server."""
        return self.held != Held.NO and self.status == Status.PROCESSED

    @property
    def is_orphan(self) -> bool:
        """Whether its event named no email."""
        return not self.message_id


class StoredEvent(models.Model):
    """One fact about one email. Never changed, never deleted but with its month.

    Whether an open or a click was a person's is no fact but a judgement: its kind may be judged anew (`judging`).
    """

    pk = models.CompositePrimaryKey("email_id", "key")
    email = models.ForeignKey(Email, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="events")
    key = models.BigIntegerField()
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    source_id = models.IntegerField()
    inbox_id = models.BigIntegerField(null=True)
    kind = models.PositiveSmallIntegerField(choices=Kind)
    bounce = models.PositiveSmallIntegerField(choices=Bounce)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    name = models.TextField()
    code = models.TextField()
    comment = models.TextField()
    url = models.TextField()
    ip = models.TextField()
    user_agent = models.TextField()
    held = models.PositiveSmallIntegerField(choices=Held, default=Held.NO, db_default=0)

    class Meta:
        db_table = "feeds_event"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.occurred_at:%Y-%m-%d %H:%M:%S}"

    @property
    def came_late(self) -> bool:
        """Whether it arrived more than an hour after it occurred."""
        return self.received_at - self.occurred_at > timedelta(hours=1)


class Tag(models.Model):
    """A word that some emails of an account are marked with. Which ones is in feeds_tagged."""

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    name = models.TextField()

    class Meta:
        db_table = "feeds_tag"

    def __str__(self) -> str:
        return self.name


class ReasonText(models.Model):
    """Why emails of an account did not arrive: a server's answer without what differs from one email to the next."""

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    text = models.TextField()

    class Meta:
        db_table = "feeds_reason"

    def __str__(self) -> str:
        return self.text


class Repeat(models.Model):
    """That another request told an event which was known already."""

    pk = models.CompositePrimaryKey("email_id", "key", "inbox_id")
    email = models.ForeignKey(Email, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="repeats")
    key = models.BigIntegerField()
    inbox_id = models.BigIntegerField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "feeds_repeat"

    def __str__(self) -> str:
        return f"{self.key} {self.received_at:%Y-%m-%d %H:%M:%S}"


class Rollup(models.Model):
    """How many events of a kind occurred in a quarter of an hour, and for how many emails it was the first of its kind.

    A quarter, not an hour, because the days of half of Asia do not begin at a full hour of UTC.
    """

    pk = models.CompositePrimaryKey("account_id", "starts_at", "kind")
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    starts_at = models.DateTimeField()
    kind = models.PositiveSmallIntegerField(choices=Kind)
    events = models.BigIntegerField()
    emails = models.BigIntegerField()

    class Meta:
        db_table = "feeds_rollup"

    def __str__(self) -> str:
        return f"{self.starts_at}: {self.events}"


class InboxRow(models.Model):
    """One request from outside, byte for byte, stored before it was acknowledged. Never changed."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    source_id = models.IntegerField()
    kind = models.TextField()
    is_test = models.BooleanField()
    content_type = models.TextField()
    headers: models.JSONField = models.JSONField()
    body = models.BinaryField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "feeds_inbox"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class InboxDue(models.Model):
    """An inbox row that is still to be read, or could not be: then `failed_at` and `error` say so.

    Before `not_before` it is left alone, because what it tells of is not known yet.
    """

    inbox = models.OneToOneField(InboxRow, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="due")
    account = models.ForeignKey("accounts.Account", models.DO_NOTHING, db_constraint=False, db_index=False)
    source_id = models.IntegerField()
    size = models.IntegerField()
    failed_at = models.DateTimeField(null=True)
    error = models.TextField()
    not_before = models.DateTimeField(null=True)

    class Meta:
        db_table = "feeds_inbox_due"

    def __str__(self) -> str:
        return self.error or str(self.inbox_id)


class SourceHour(models.Model):
    """What a source brought in an hour. `waited_ms` is a sum over requests, `late_ms` one over events."""

    pk = models.CompositePrimaryKey("source_id", "starts_at")
    source_id = models.IntegerField()
    starts_at = models.DateTimeField()
    requests = models.BigIntegerField()
    events = models.BigIntegerField()
    duplicates = models.BigIntegerField()
    waited_ms = models.BigIntegerField()
    late_ms = models.BigIntegerField()

    class Meta:
        db_table = "feeds_source_hour"

    def __str__(self) -> str:
        return f"{self.starts_at}: {self.events}"

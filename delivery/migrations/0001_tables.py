from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import accounts.vault

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0002_sending"),
    ]

    operations = [
        migrations.CreateModel(
            name="Mailer",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("host", models.TextField()),
                ("started_at", models.DateTimeField()),
                ("beat_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Answered",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id", "key", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64)),
                ("status", models.PositiveSmallIntegerField()),
                ("body", models.JSONField()),
                ("at", models.DateTimeField(db_index=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
            ],
        ),
        migrations.CreateModel(
            name="Lane",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "mailer_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("email_id", models.BigIntegerField(null=True)),
                ("mailer", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="delivery.mailer")),
            ],
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("uid", models.CharField(max_length=32, unique=True)),
                ("origin", models.PositiveSmallIntegerField(choices=[(1, "API"), (2, "SMTP"), (3, "by hand")])),
                ("key_id", models.IntegerField(null=True)),
                ("sender", models.TextField()),
                ("sender_name", models.TextField(default="")),
                ("subject", models.TextField()),
                ("settings", models.JSONField(default=dict)),
                ("parts", models.JSONField(null=True)),
                ("raw", models.BinaryField(null=True)),
                ("is_test", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("kept_until", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="accounts.account",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("recipient_group", models.IntegerField(null=True)),
                ("name", models.TextField()),
                ("content_type", models.TextField()),
                ("content", models.BinaryField()),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="attachments", to="delivery.message"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Outgoing",
            fields=[
                ("email_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("recipient", models.TextField()),
                ("domain", models.TextField()),
                ("recipient_name", models.TextField(default="")),
                ("recipient_group", models.IntegerField(default=0)),
                ("addressed", models.JSONField(null=True)),
                ("attributes", models.JSONField(null=True)),
                ("headers", models.JSONField(null=True)),
                (
                    "held",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, ""),
                            (1, "no credits left"),
                            (2, "account disabled"),
                            (3, "scheduled for later"),
                            (4, "throttled by the recipient's server"),
                        ],
                        default=0,
                    ),
                ),
                ("accepted_at", models.DateTimeField()),
                ("next_attempt_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("is_paid", models.BooleanField(default=False)),
                ("interrupted", models.BooleanField(default=False)),
                ("claimed_by", models.IntegerField(null=True)),
                ("code", models.TextField(default="")),
                ("reply", models.TextField(default="")),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="accounts.account",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, to="delivery.message"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RetryPolicy",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("domain", models.CharField(blank=True, max_length=253, verbose_name="recipient domain")),
                (
                    "minutes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(), verbose_name="minutes between attempts"
                    ),
                ),
                ("give_up_hours", models.PositiveSmallIntegerField(default=120, verbose_name="give up after hours")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="retry_policies",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "verbose_name": "retry policy",
                "verbose_name_plural": "retry policies",
            },
        ),
        migrations.CreateModel(
            name="Transport",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("mx", "Straight to the recipients' servers"),
                            ("relay", "Through a mail server (relay)"),
                            ("provider", "Through a provider's API"),
                        ],
                        max_length=10,
                        verbose_name="way",
                    ),
                ),
                ("host", models.CharField(blank=True, max_length=253, verbose_name="host")),
                ("port", models.PositiveIntegerField(default=587, verbose_name="port")),
                (
                    "security",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "TLS where the server offers it"),
                            (2, "TLS required (STARTTLS)"),
                            (3, "TLS from the start (port 465)"),
                            (4, "no TLS"),
                        ],
                        default=1,
                        verbose_name="encryption",
                    ),
                ),
                ("username", models.CharField(blank=True, max_length=200, verbose_name="user name")),
                ("provider", models.CharField(blank=True, max_length=40, verbose_name="provider")),
                ("source_id", models.IntegerField(blank=True, null=True)),
                ("secrets", accounts.vault.SealedJSONField(default=dict)),
                ("connections", models.PositiveSmallIntegerField(default=4, verbose_name="connections at once")),
                ("per_minute", models.PositiveIntegerField(blank=True, null=True, verbose_name="emails a minute")),
                ("is_default", models.BooleanField(default=False, verbose_name="used unless a domain says otherwise")),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="transports", to="accounts.account"
                    ),
                ),
            ],
            options={
                "verbose_name": "transport",
                "verbose_name_plural": "transports",
            },
        ),
        migrations.CreateModel(
            name="SenderDomain",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=253, verbose_name="domain")),
                ("selector", models.CharField(max_length=63, verbose_name="selector")),
                ("private_key", accounts.vault.SealedJSONField()),
                ("public_key", models.TextField()),
                ("return_path", models.CharField(blank=True, max_length=253, verbose_name="return-path domain")),
                ("tracking_host", models.CharField(blank=True, max_length=253, verbose_name="tracking domain")),
                ("checks", models.JSONField(default=dict)),
                ("checked_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sender_domains",
                        to="accounts.account",
                    ),
                ),
                (
                    "transport",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="delivery.transport",
                        verbose_name="transport",
                    ),
                ),
            ],
            options={
                "verbose_name": "sender domain",
                "verbose_name_plural": "sender domains",
            },
        ),
        migrations.CreateModel(
            name="Pace",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("domain", models.CharField(blank=True, max_length=253)),
                ("per_minute", models.PositiveIntegerField(null=True)),
                ("connections", models.PositiveSmallIntegerField(null=True)),
                ("slowed_until", models.DateTimeField(null=True)),
                ("reply", models.TextField(default="")),
                ("updated_at", models.DateTimeField()),
                (
                    "transport",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to="delivery.transport"),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("kept_until"),
                condition=models.Q(("parts__isnull", False), ("raw__isnull", False), _connector="OR"),
                name="delivery_message_content",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoing",
            index=models.Index(
                models.F("account"),
                models.F("domain"),
                models.F("next_attempt_at"),
                condition=models.Q(("claimed_by", None), ("held", 0)),
                name="delivery_outgoing_due",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoing",
            index=models.Index(
                models.F("account"),
                models.F("held"),
                models.F("next_attempt_at"),
                condition=models.Q(("held", 0), _negated=True),
                name="delivery_outgoing_held",
            ),
        ),
        migrations.AddIndex(
            model_name="outgoing",
            index=models.Index(
                models.F("claimed_by"),
                condition=models.Q(("claimed_by", None), _negated=True),
                name="delivery_outgoing_claimed",
            ),
        ),
        migrations.AddConstraint(
            model_name="retrypolicy",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("domain"), name="one_retry_policy_per_account_and_domain"
            ),
        ),
        migrations.AddConstraint(
            model_name="transport",
            constraint=models.UniqueConstraint(
                models.F("account"), condition=models.Q(("is_default", True)), name="one_default_transport_per_account"
            ),
        ),
        migrations.AddConstraint(
            model_name="senderdomain",
            constraint=models.UniqueConstraint(
                models.F("account"), models.F("name"), name="one_sender_domain_per_account_and_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="pace",
            constraint=models.UniqueConstraint(
                models.F("transport"), models.F("domain"), name="one_pace_per_destination", nulls_distinct=False
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL((FOLDER / "0001_attempt.sql").read_text(), "drop table delivery_attempt")
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Attempt",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "email_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("email_id", models.BigIntegerField()),
                        ("number", models.PositiveSmallIntegerField()),
                        (
                            "account",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="accounts.account",
                            ),
                        ),
                        ("transport_id", models.IntegerField(null=True)),
                        ("started_at", models.DateTimeField()),
                        ("took_ms", models.IntegerField()),
                        ("host", models.TextField(default="")),
                        ("ip", models.TextField(default="")),
                        ("tls", models.TextField(default="")),
                        (
                            "verdict",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (1, "accepted"),
                                    (2, "the address is dead"),
                                    (3, "refused for now"),
                                    (4, "too much at a time"),
                                    (5, "the sender or the message is refused"),
                                ]
                            ),
                        ),
                        ("final", models.BooleanField(default=False)),
                        ("code", models.TextField(default="")),
                        ("reply", models.TextField(default="")),
                        ("provider_id", models.TextField(default="")),
                        ("interrupted", models.BooleanField(default=False)),
                        ("conversation", models.JSONField(default=list)),
                    ],
                    options={
                        "db_table": "delivery_attempt",
                    },
                ),
            ],
        ),
    ]

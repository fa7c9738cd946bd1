from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_tables"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    (FOLDER / "0001_tables.sql").read_text(),
                    (FOLDER / "0001_tables.undo.sql").read_text(),
                )
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Domain",
                    fields=[
                        ("id", models.AutoField(primary_key=True, serialize=False)),
                        ("name", models.TextField()),
                    ],
                    options={
                        "db_table": "feeds_domain",
                    },
                ),
                migrations.CreateModel(
                    name="InboxRow",
                    fields=[
                        (
                            "id",
                            models.BigIntegerField(primary_key=True, serialize=False),
                        ),
                        ("source_id", models.IntegerField()),
                        ("kind", models.TextField()),
                        ("is_test", models.BooleanField()),
                        ("content_type", models.TextField()),
                        ("headers", models.JSONField()),
                        ("body", models.BinaryField()),
                        ("received_at", models.DateTimeField()),
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
                    options={
                        "db_table": "feeds_inbox",
                    },
                ),
                migrations.CreateModel(
                    name="SourceHour",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "source_id",
                                "starts_at",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("source_id", models.IntegerField()),
                        ("starts_at", models.DateTimeField()),
                        ("requests", models.BigIntegerField()),
                        ("events", models.BigIntegerField()),
                        ("duplicates", models.BigIntegerField()),
                        ("waited_ms", models.BigIntegerField()),
                        ("late_ms", models.BigIntegerField()),
                    ],
                    options={
                        "db_table": "feeds_source_hour",
                    },
                ),
                migrations.CreateModel(
                    name="Address",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("local", models.TextField()),
                        ("addr", models.TextField()),
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
                            "domain",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                to="feeds.domain",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "feeds_address",
                    },
                ),
                migrations.CreateModel(
                    name="Email",
                    fields=[
                        (
                            "id",
                            models.BigIntegerField(primary_key=True, serialize=False),
                        ),
                        ("source_id", models.IntegerField()),
                        ("sender_id", models.BigIntegerField(null=True)),
                        ("recipient_id", models.BigIntegerField()),
                        (
                            "status",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, "Processed"),
                                    (1, "Sent"),
                                    (2, "Delivered"),
                                    (3, "Bounced"),
                                    (4, "Opened"),
                                    (5, "Clicked"),
                                    (6, "Unsubscribed"),
                                    (7, "Spam"),
                                    (8, "Dropped"),
                                ],
                                verbose_name="status",
                            ),
                        ),
                        (
                            "bounce",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, ""),
                                    (1, "Soft bounce"),
                                    (2, "Hard bounce"),
                                ]
                            ),
                        ),
                        ("is_test", models.BooleanField()),
                        ("opens", models.IntegerField(verbose_name="opens")),
                        ("clicks", models.IntegerField(verbose_name="clicks")),
                        ("machine_opens", models.IntegerField()),
                        ("machine_clicks", models.IntegerField()),
                        ("deferrals", models.IntegerField()),
                        ("sender", models.TextField(verbose_name="sender")),
                        ("recipient", models.TextField(verbose_name="recipient")),
                        ("message_id", models.TextField()),
                        ("subject", models.TextField(verbose_name="subject")),
                        ("argument", models.TextField()),
                        (
                            "tags",
                            django.contrib.postgres.fields.ArrayField(base_field=models.TextField()),
                        ),
                        ("comment", models.TextField(verbose_name="comment")),
                        ("code", models.TextField()),
                        ("comment_at", models.DateTimeField(null=True)),
                        ("comment_key", models.BigIntegerField(null=True)),
                        ("first_at", models.DateTimeField()),
                        ("last_at", models.DateTimeField()),
                        ("processed_at", models.DateTimeField(null=True)),
                        ("sent_at", models.DateTimeField(null=True)),
                        ("delivered_at", models.DateTimeField(null=True)),
                        ("bounced_at", models.DateTimeField(null=True)),
                        ("opened_at", models.DateTimeField(null=True)),
                        ("clicked_at", models.DateTimeField(null=True)),
                        ("unsubscribed_at", models.DateTimeField(null=True)),
                        ("spam_at", models.DateTimeField(null=True)),
                        ("dropped_at", models.DateTimeField(null=True)),
                        ("deferred_at", models.DateTimeField(null=True)),
                        ("machine_opened_at", models.DateTimeField(null=True)),
                        ("machine_clicked_at", models.DateTimeField(null=True)),
                        ("updated_at", models.DateTimeField()),
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
                    options={
                        "verbose_name": "email",
                        "verbose_name_plural": "emails",
                        "db_table": "feeds_email",
                    },
                ),
                migrations.CreateModel(
                    name="Rollup",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "account_id",
                                "starts_at",
                                "kind",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("starts_at", models.DateTimeField()),
                        (
                            "kind",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, "Processed"),
                                    (1, "Sent"),
                                    (2, "Delivered"),
                                    (3, "Bounced"),
                                    (4, "Opened"),
                                    (5, "Clicked"),
                                    (6, "Unsubscribed"),
                                    (7, "Reported as spam"),
                                    (8, "Dropped"),
                                    (20, "Deferred"),
                                    (21, "Opened by a machine"),
                                    (22, "Clicked by a machine"),
                                    (23, "Subscribed again"),
                                    (24, "Automatic reply"),
                                    (29, "Unknown event"),
                                ]
                            ),
                        ),
                        ("events", models.BigIntegerField()),
                        ("emails", models.BigIntegerField()),
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
                    options={
                        "db_table": "feeds_rollup",
                    },
                ),
                migrations.CreateModel(
                    name="StoredEvent",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "email_id",
                                "key",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("key", models.BigIntegerField()),
                        ("source_id", models.IntegerField()),
                        ("inbox_id", models.BigIntegerField(null=True)),
                        (
                            "kind",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, "Processed"),
                                    (1, "Sent"),
                                    (2, "Delivered"),
                                    (3, "Bounced"),
                                    (4, "Opened"),
                                    (5, "Clicked"),
                                    (6, "Unsubscribed"),
                                    (7, "Reported as spam"),
                                    (8, "Dropped"),
                                    (20, "Deferred"),
                                    (21, "Opened by a machine"),
                                    (22, "Clicked by a machine"),
                                    (23, "Subscribed again"),
                                    (24, "Automatic reply"),
                                    (29, "Unknown event"),
                                ]
                            ),
                        ),
                        (
                            "bounce",
                            models.PositiveSmallIntegerField(
                                choices=[
                                    (0, ""),
                                    (1, "Soft bounce"),
                                    (2, "Hard bounce"),
                                ]
                            ),
                        ),
                        ("occurred_at", models.DateTimeField()),
                        ("received_at", models.DateTimeField()),
                        ("name", models.TextField()),
                        ("code", models.TextField()),
                        ("comment", models.TextField()),
                        ("url", models.TextField()),
                        ("ip", models.TextField()),
                        ("user_agent", models.TextField()),
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
                            "email",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="events",
                                to="feeds.email",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "feeds_event",
                    },
                ),
                migrations.CreateModel(
                    name="InboxDue",
                    fields=[
                        (
                            "inbox",
                            models.OneToOneField(
                                db_constraint=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                primary_key=True,
                                related_name="due",
                                serialize=False,
                                to="feeds.inboxrow",
                            ),
                        ),
                        ("source_id", models.IntegerField()),
                        ("size", models.IntegerField()),
                        ("failed_at", models.DateTimeField(null=True)),
                        ("error", models.TextField()),
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
                    options={
                        "db_table": "feeds_inbox_due",
                    },
                ),
            ],
        ),
    ]

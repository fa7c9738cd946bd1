from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tables"),
        ("feeds", "0001_tables"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    (FOLDER / "0002_search_and_live.sql").read_text(),
                    (FOLDER / "0002_search_and_live.undo.sql").read_text(),
                )
            ],
            state_operations=[
                migrations.AddField(
                    model_name="email",
                    name="header_id",
                    field=models.TextField(default=""),
                ),
                migrations.AddField(
                    model_name="email",
                    name="is_late",
                    field=models.BooleanField(default=False),
                ),
                migrations.AddField(
                    model_name="email",
                    name="reason_id",
                    field=models.IntegerField(null=True),
                ),
                migrations.AddField(
                    model_name="email",
                    name="unknowns",
                    field=models.IntegerField(default=0),
                ),
                migrations.CreateModel(
                    name="ReasonText",
                    fields=[
                        ("id", models.AutoField(primary_key=True, serialize=False)),
                        ("text", models.TextField()),
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
                        "db_table": "feeds_reason",
                    },
                ),
                migrations.CreateModel(
                    name="Repeat",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "email_id",
                                "key",
                                "inbox_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("key", models.BigIntegerField()),
                        ("inbox_id", models.BigIntegerField()),
                        ("received_at", models.DateTimeField()),
                        (
                            "email",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="repeats",
                                to="feeds.email",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "feeds_repeat",
                    },
                ),
                migrations.CreateModel(
                    name="Tag",
                    fields=[
                        ("id", models.AutoField(primary_key=True, serialize=False)),
                        ("name", models.TextField()),
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
                        "db_table": "feeds_tag",
                    },
                ),
            ],
        )
    ]

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tables"),
        ("feeds", "0002_search_and_live"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("csv", "CSV: for spreadsheets and most programs"),
                            ("ndjson", "NDJSON: one JSON object a line, for programs"),
                        ],
                        default="csv",
                        max_length=10,
                    ),
                ),
                ("columns", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list)),
                ("is_netcore", models.BooleanField(default=False)),
                ("bom", models.BooleanField(default=False)),
                ("gzip", models.BooleanField(default=False)),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("query", models.TextField(blank=True, verbose_name="filter")),
                ("is_shared", models.BooleanField(default=False, verbose_name="shared with the account")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "every",
                    models.PositiveSmallIntegerField(
                        choices=[(0, "Never"), (1, "Every day"), (7, "Every week")], default=0, verbose_name="export it"
                    ),
                ),
                (
                    "weekday",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "Monday"),
                            (1, "Tuesday"),
                            (2, "Wednesday"),
                            (3, "Thursday"),
                            (4, "Friday"),
                            (5, "Saturday"),
                            (6, "Sunday"),
                        ],
                        default=0,
                        verbose_name="on",
                    ),
                ),
                ("hour", models.PositiveSmallIntegerField(default=7, verbose_name="at")),
                ("next_at", models.DateTimeField(null=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
                (
                    "owner",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to="accounts.membership"
                    ),
                ),
            ],
            options={
                "db_table": "feeds_saved_view",
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("csv", "CSV: for spreadsheets and most programs"),
                            ("ndjson", "NDJSON: one JSON object a line, for programs"),
                        ],
                        default="csv",
                        max_length=10,
                    ),
                ),
                ("columns", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list)),
                ("is_netcore", models.BooleanField(default=False)),
                ("bom", models.BooleanField(default=False)),
                ("gzip", models.BooleanField(default=False)),
                ("query", models.TextField(blank=True)),
                ("token", models.CharField(max_length=64, unique=True)),
                (
                    "state",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "Waiting"),
                            (1, "Running"),
                            (2, "Done"),
                            (3, "Failed"),
                            (4, "Cancelled"),
                            (5, "Expired"),
                        ],
                        default=0,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("counted_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("touched_at", models.DateTimeField(null=True)),
                ("time_zone", models.CharField(max_length=64)),
                ("emails", models.BigIntegerField(null=True)),
                ("taken", models.BigIntegerField(default=0)),
                ("gone", models.BigIntegerField(default=0)),
                ("size", models.BigIntegerField(default=0)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("error", models.TextField(blank=True)),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="feeds.savedview"),
                ),
            ],
            options={
                "db_table": "feeds_export",
            },
        ),
        migrations.CreateModel(
            name="Choice",
            fields=[
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("csv", "CSV: for spreadsheets and most programs"),
                            ("ndjson", "NDJSON: one JSON object a line, for programs"),
                        ],
                        default="csv",
                        max_length=10,
                    ),
                ),
                ("columns", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list)),
                ("is_netcore", models.BooleanField(default=False)),
                ("bom", models.BooleanField(default=False)),
                ("gzip", models.BooleanField(default=False)),
                (
                    "membership",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="accounts.membership",
                    ),
                ),
                (
                    "default_view",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="feeds.savedview"),
                ),
            ],
            options={
                "db_table": "feeds_choice",
            },
        ),
        migrations.AddIndex(
            model_name="savedview",
            index=models.Index(
                models.F("next_at"), condition=models.Q(("next_at__isnull", False)), name="feeds_saved_view_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("owner"),
                django.db.models.functions.text.Lower("name"),
                name="feeds_saved_view_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("every", 0), ("next_at__isnull", True)),
                    models.Q(("every__gt", 0), ("next_at__isnull", False)),
                    _connector="OR",
                ),
                name="feeds_saved_view_next",
            ),
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(
                models.F("account"), models.OrderBy(models.F("id"), descending=True), name="feeds_export_account"
            ),
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(
                models.F("touched_at"), condition=models.Q(("state__in", (0, 1))), name="feeds_export_under_way"
            ),
        ),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(models.F("expires_at"), condition=models.Q(("state", 2)), name="feeds_export_expiring"),
        ),
    ]

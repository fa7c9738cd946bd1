import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# Each entry so far was one event.
KEEP = """
update suppression_suppression set domain = split_part(target, '@', -1);
insert into suppression_cause (suppression_id, account_id, ident, origin, at, added_at, email_id, event_key, actor_name,
    comment, note)
select id, account_id, case when event_key is null then 'u0' else 'e' || email_id || '.' || event_key end,
    case when event_key is null then 2 else 1 end, since, added_at, email_id, event_key, '', '', ''
from suppression_suppression;
insert into suppression_tally (account_id, reason, hour, added, removed)
select account_id, reason, date_trunc('hour', added_at, 'UTC'), count(*), 0 from suppression_suppression group by 1, 2, 3
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_keys_audit_credits"),
        ("suppression", "0001_tables"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # It stays when this goes: others search by it as well.
        migrations.RunSQL("create extension if not exists pg_trgm", migrations.RunSQL.noop),
        migrations.RemoveConstraint("suppression", "one_row_per_address_and_reason"),
        migrations.RenameField("suppression", "address", "target"),
        migrations.RenameField("suppression", "created_at", "added_at"),
        migrations.AddField(
            "suppression", "domain", models.TextField(default="", verbose_name="domain"), preserve_default=False
        ),
        migrations.CreateModel(
            name="Cause",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ident", models.TextField()),
                (
                    "origin",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "An event"), (2, "A person"), (3, "The API"), (4, "An import")]
                    ),
                ),
                ("at", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("source_id", models.IntegerField(null=True)),
                ("email_id", models.BigIntegerField(null=True)),
                ("event_key", models.BigIntegerField(null=True)),
                ("import_id", models.BigIntegerField(null=True)),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("comment", models.TextField(blank=True)),
                ("note", models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name="Removal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "how",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "By hand"),
                            (2, "By the API"),
                            (3, "By undoing"),
                            (4, "Its time was over"),
                            (5, "By the recipient, who took the unsubscription back"),
                        ],
                        verbose_name="how",
                    ),
                ),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("note", models.TextField(blank=True, verbose_name="why")),
                ("entries", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Removed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("target", models.TextField()),
                (
                    "covers",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "One address"),
                            (2, "A domain"),
                            (3, "A domain with its subdomains"),
                            (4, "A pattern"),
                        ]
                    ),
                ),
                ("domain", models.TextField()),
                (
                    "reason",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Hard bounce"),
                            (2, "Reported as spam"),
                            (3, "Unsubscribed"),
                            (4, "Manual"),
                            (5, "Invalid address"),
                        ]
                    ),
                ),
                ("added_at", models.DateTimeField()),
                ("is_whole", models.BooleanField()),
                ("causes", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "Hard bounce"),
                            (2, "Reported as spam"),
                            (3, "Unsubscribed"),
                            (4, "Manual"),
                            (5, "Invalid address"),
                        ]
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("added", models.BigIntegerField(default=0)),
                ("removed", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="suppression",
            name="covers",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "One address"), (2, "A domain"), (3, "A domain with its subdomains"), (4, "A pattern")],
                default=1,
                verbose_name="covers",
            ),
        ),
        migrations.AddField(
            model_name="suppression",
            name="origin",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "An event"), (2, "A person"), (3, "The API"), (4, "An import")],
                default=1,
                verbose_name="added by",
            ),
        ),
        migrations.AddField(
            model_name="suppression",
            name="until",
            field=models.DateTimeField(null=True, verbose_name="until"),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="account",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to="accounts.account"
            ),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="added_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="added"),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="reason",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (1, "Hard bounce"),
                    (2, "Reported as spam"),
                    (3, "Unsubscribed"),
                    (4, "Manual"),
                    (5, "Invalid address"),
                ],
                verbose_name="reason",
            ),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="target",
            field=models.TextField(verbose_name="address or domain"),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(
                models.F("account"),
                models.OrderBy(models.F("added_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="suppression_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(
                models.F("account"),
                models.F("reason"),
                models.OrderBy(models.F("added_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="suppression_of_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(
                models.F("account"),
                models.F("domain"),
                models.OrderBy(models.F("added_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="suppression_of_domain",
            ),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(models.F("account"), condition=models.Q(("covers", 4)), name="suppression_patterns"),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(
                models.F("until"), condition=models.Q(("until__isnull", False)), name="suppression_until"
            ),
        ),
        migrations.AddIndex(
            model_name="suppression",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["target"], name="suppression_part", opclasses=["gin_trgm_ops"]
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("target"),
                models.F("reason"),
                name="suppression_one_per_reason",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="cause",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="cause",
            name="key",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to="accounts.apikey"
            ),
        ),
        migrations.AddField(
            model_name="cause",
            name="suppression",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="causes",
                to="suppression.suppression",
            ),
        ),
        migrations.AddField(
            model_name="cause",
            name="user",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="removal",
            name="account",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to="accounts.account"
            ),
        ),
        migrations.AddField(
            model_name="removal",
            name="key",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="accounts.apikey"),
        ),
        migrations.AddField(
            model_name="removal",
            name="user",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="removed",
            name="account",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to="accounts.account"
            ),
        ),
        migrations.AddField(
            model_name="removed",
            name="removal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="suppression.removal"
            ),
        ),
        migrations.AddField(
            model_name="tally",
            name="account",
            field=models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to="accounts.account"
            ),
        ),
        migrations.AddIndex(
            model_name="cause",
            index=models.Index(
                models.F("account"),
                models.OrderBy(models.F("added_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="suppression_cause_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="cause",
            index=models.Index(
                models.F("user"), condition=models.Q(("user__isnull", False)), name="suppression_cause_user"
            ),
        ),
        migrations.AddIndex(
            model_name="cause",
            index=models.Index(
                models.F("key"), condition=models.Q(("key__isnull", False)), name="suppression_cause_key"
            ),
        ),
        migrations.AddIndex(
            model_name="cause",
            index=models.Index(
                models.F("email_id"), condition=models.Q(("email_id__isnull", False)), name="suppression_cause_email"
            ),
        ),
        migrations.AddConstraint(
            model_name="cause",
            constraint=models.UniqueConstraint(
                models.F("suppression"), models.F("ident"), name="suppression_cause_once"
            ),
        ),
        migrations.AddIndex(
            model_name="removal",
            index=models.Index(
                models.F("account"), models.OrderBy(models.F("id"), descending=True), name="suppression_removal_newest"
            ),
        ),
        migrations.AddIndex(
            model_name="removed",
            index=models.Index(models.F("account"), models.F("target"), name="suppression_removed_target"),
        ),
        migrations.AddConstraint(
            model_name="tally",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("reason"),
                models.F("hour"),
                name="suppression_tally_once",
                nulls_distinct=False,
            ),
        ),
        migrations.RunSQL([KEEP, "set constraints all immediate"], migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name="suppression",
            name="email_id",
        ),
        migrations.RemoveField(
            model_name="suppression",
            name="event_key",
        ),
    ]

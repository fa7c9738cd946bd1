import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_sending"),
        ("delivery", "0002_message_uid"),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("domain", models.CharField(max_length=253)),
                ("starts_at", models.DateTimeField()),
                ("emails", models.IntegerField()),
                ("email_id", models.BigIntegerField()),
                ("code", models.TextField()),
                ("reply", models.TextField()),
                ("account", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="accounts.account")),
            ],
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                models.F("account"),
                models.F("domain"),
                models.F("starts_at"),
                name="one_notice_per_account_domain_and_hour",
            ),
        ),
    ]

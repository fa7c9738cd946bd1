import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="content_days",
            field=models.PositiveSmallIntegerField(
                default=7,
                help_text="How long texts and files of sent emails are kept after the last possible attempt. 0: not at all.",
                validators=[django.core.validators.MaxValueValidator(365)],
                verbose_name="content kept for days",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="is_metered",
            field=models.BooleanField(
                default=False, help_text="Otherwise it sends as much as it likes.", verbose_name="limited by credits"
            ),
        ),
    ]

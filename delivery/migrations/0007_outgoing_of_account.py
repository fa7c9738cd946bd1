from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0006_proven_domains")]

    operations = [
        migrations.AddIndex(
            "outgoing", models.Index("account", "email_id", name="delivery_outgoing_newest"),
        ),
        migrations.AddIndex(
            "outgoing",
            models.Index(
                "account", name="delivery_outgoing_unpaid",
                condition=models.Q(claimed_by=None, held=0, is_paid=False, attempts=0),
            ),
        ),
    ]  # fmt: skip

from __future__ import annotations

from django.db import migrations, models

# What is there was sent from before. Of accounts with the same domain those whose key is in DNS, or else the first.
PROVE = """
update delivery_senderdomain d set proven_at = coalesce(checked_at, created_at)
where checks -> 'dkim' ->> 'why' in ('good', 'several') or not exists (
    select from delivery_senderdomain o
    where o.name = d.name and o.id <> d.id and (o.id < d.id or o.checks -> 'dkim' ->> 'why' in ('good', 'several')))
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_bounce_digest")]

    operations = [
        migrations.AddField("senderdomain", "proven_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "senderdomain", "vouched_by", models.CharField(blank=True, db_default="", default="", max_length=150)
        ),
        migrations.RunSQL(PROVE, migrations.RunSQL.noop),
    ]

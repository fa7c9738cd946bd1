from django.db import migrations

# Held emails are few, and come and go: an index of just these.
ADD = "create index feeds_email_held on feeds_email (account_id, id) where held <> 0"


class Migration(migrations.Migration):
    dependencies = [
        ("feeds", "0006_read_later"),
    ]

    operations = [migrations.RunSQL(ADD, "drop index feeds_email_held")]

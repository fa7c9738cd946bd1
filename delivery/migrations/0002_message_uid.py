from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0001_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoing",
            name="message_uid",
            field=models.TextField(default=""),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(models.F("account"), models.F("id"), name="delivery_message_age"),
        ),
    ]

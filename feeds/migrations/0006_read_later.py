from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("feeds", "0005_held"),
    ]

    operations = [
        migrations.AddField(
            model_name="inboxdue",
            name="not_before",
            field=models.DateTimeField(null=True),
        ),
    ]

from django.db import migrations, models

ADD = """
alter table feeds_email add held smallint not null default 0, add held_at timestamptz, add held_key bigint;
alter table feeds_event add held smallint not null default 0;
"""
DROP = """
alter table feeds_email drop held, drop held_at, drop held_key;
alter table feeds_event drop held;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("feeds", "0004_domain_names"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(ADD, DROP)],
            state_operations=[
                migrations.AddField(
                    model_name="email",
                    name="held",
                    field=models.PositiveSmallIntegerField(
                        choices=[
                            (0, ""),
                            (1, "no credits left"),
                            (2, "account disabled"),
                            (3, "scheduled for later"),
                            (4, "throttled by the recipient's server"),
                        ],
                        db_default=0,
                        default=0,
                    ),
                ),
                migrations.AddField(
                    model_name="email",
                    name="held_at",
                    field=models.DateTimeField(null=True),
                ),
                migrations.AddField(
                    model_name="email",
                    name="held_key",
                    field=models.BigIntegerField(null=True),
                ),
                migrations.AddField(
                    model_name="storedevent",
                    name="held",
                    field=models.PositiveSmallIntegerField(
                        choices=[
                            (0, ""),
                            (1, "no credits left"),
                            (2, "account disabled"),
                            (3, "scheduled for later"),
                            (4, "throttled by the recipient's server"),
                        ],
                        db_default=0,
                        default=0,
                    ),
                ),
                migrations.AlterField(
                    model_name="rollup",
                    name="kind",
                    field=models.PositiveSmallIntegerField(
                        choices=[
                            (0, "Processed"),
                            (1, "Sent"),
                            (2, "Delivered"),
                            (3, "Bounced"),
                            (4, "Opened"),
                            (5, "Clicked"),
                            (6, "Unsubscribed"),
                            (7, "Reported as spam"),
                            (8, "Dropped"),
                            (20, "Deferred"),
                            (21, "Opened by a machine"),
                            (22, "Clicked by a machine"),
                            (23, "Subscribed again"),
                            (24, "Automatic reply"),
                            (25, "Held back"),
                            (26, "Released"),
                            (29, "Unknown event"),
                        ]
                    ),
                ),
                migrations.AlterField(
                    model_name="storedevent",
                    name="kind",
                    field=models.PositiveSmallIntegerField(
                        choices=[
                            (0, "Processed"),
                            (1, "Sent"),
                            (2, "Delivered"),
                            (3, "Bounced"),
                            (4, "Opened"),
                            (5, "Clicked"),
                            (6, "Unsubscribed"),
                            (7, "Reported as spam"),
                            (8, "Dropped"),
                            (20, "Deferred"),
                            (21, "Opened by a machine"),
                            (22, "Clicked by a machine"),
                            (23, "Subscribed again"),
                            (24, "Automatic reply"),
                            (25, "Held back"),
                            (26, "Released"),
                            (29, "Unknown event"),
                        ]
                    ),
                ),
            ],
        ),
    ]

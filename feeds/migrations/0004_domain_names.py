from django.db import migrations


class Migration(migrations.Migration):
    """A part of an address may stand in its domain: among very many of these it is found by trigrams, too."""

    dependencies = [("feeds", "0003_exports")]

    operations = [
        migrations.RunSQL(
            "create index feeds_domain_name on feeds_domain using gin (name gin_trgm_ops)",
            "drop index feeds_domain_name",
        )
    ]

"""What the database itself guarantees: foreign keys that it checks at once and cascades alone."""

from django.db import migrations

from config.lib.database import drop_like_indexes, foreign_key


class Migration(migrations.Migration):
    dependencies = [("integrations", "0001_initial"), ("webhooks", "0002_database")]

    operations = [
        foreign_key("integrations", "user_id", "auth_user"),
        foreign_key("integrations", "template_id", "integration_templates", on_delete="SET NULL"),
        foreign_key("integration_usage_logs", "integration_id", "integrations"),
        foreign_key("integration_uncounted_calls", "integration_id", "integrations"),
        # An integration's own webhook goes with it; `webhooks` does not know this app, so the constraint stands here.
        foreign_key("webhooks", "integration_id", "integrations"),
        # Django 5.2 has no database default for arrays, and the seed schema's inserts do not name these columns.
        migrations.RunSQL(
            """
            ALTER TABLE integrations ALTER COLUMN scopes SET DEFAULT '{}', ALTER COLUMN allowed_networks SET DEFAULT '{}'
            """,
            """
            ALTER TABLE integrations ALTER COLUMN scopes DROP DEFAULT, ALTER COLUMN allowed_networks DROP DEFAULT
            """,
        ),
        drop_like_indexes("integrations", "integration_templates", "integration_usage_logs"),
    ]

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
        drop_like_indexes("integrations", "integration_templates", "integration_usage_logs"),
    ]

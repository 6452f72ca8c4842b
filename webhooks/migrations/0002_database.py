"""What the database itself guarantees: foreign keys that it checks at once and cascades alone."""

from django.db import migrations

from config.lib.database import drop_like_indexes, foreign_key


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = [
        foreign_key("webhooks", "user_id", "auth_user"),
        foreign_key("webhook_events", "user_id", "auth_user"),
        foreign_key("webhook_deliveries", "webhook_id", "webhooks"),
        foreign_key("webhook_deliveries", "event_id", "webhook_events"),
        foreign_key("webhook_delivery_attempts", "delivery_id", "webhook_deliveries"),
        # Half of every page is for the next version of its rows: claiming a delivery then writes no index.
        migrations.RunSQL(
            "ALTER TABLE webhook_deliveries SET (fillfactor = 50)",
            "ALTER TABLE webhook_deliveries RESET (fillfactor)",
        ),
        drop_like_indexes("webhooks", "webhook_events", "webhook_deliveries"),
    ]

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
        # The claim: what an endpoint has waiting, lane by lane. An expression, for the claim alone to use: where several
        # indexes could serve, a planner with yesterday's statistics picks one that reads the whole backlog.
        migrations.RunSQL(
            "CREATE INDEX idx_webhook_deliveries_queue ON webhook_deliveries ((webhook_id || ''), lane, next_retry_at)"
            " WHERE next_retry_at IS NOT NULL",
            "DROP INDEX idx_webhook_deliveries_queue",
        ),
        # Half of every page is for the next version of its rows: claiming a delivery then writes no index.
        migrations.RunSQL(
            "ALTER TABLE webhook_deliveries SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05)",
            "ALTER TABLE webhook_deliveries RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        ),
        drop_like_indexes("webhooks", "webhook_events", "webhook_deliveries"),
    ]

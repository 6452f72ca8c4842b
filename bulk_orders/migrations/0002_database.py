"""What the database itself guarantees: foreign keys that it checks at once and cascades alone."""

from django.db import migrations

from config.lib.database import drop_like_indexes, foreign_key


class Migration(migrations.Migration):
    dependencies = [("bulk_orders", "0001_initial")]

    operations = [
        foreign_key("orders", "client_id", "auth_user", on_delete="RESTRICT"),
        foreign_key("order_transitions", "order_id", "orders"),
        foreign_key("order_payments", "order_id", "orders"),
        foreign_key("bulk_order_batches", "user_id", "auth_user"),
        foreign_key("bulk_order_results", "batch_id", "bulk_order_batches", "batch_id"),
        foreign_key("bulk_order_results", "order_id", "orders", on_delete="NO ACTION"),
        foreign_key("bulk_order_chunks", "batch_id", "bulk_order_batches", "batch_id"),
        drop_like_indexes("bulk_order_batches"),
    ]

"""Payments are listed by when they were reported, and narrowed by a span of time and a status, however many there are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

import config.lib.database


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("bulk_orders", "0003_orders_by_page")]

    operations = [
        AddIndexConcurrently(
            model_name="payment",
            index=config.lib.database.LongNameIndex(fields=["-updated_at", "-id"], name="idx_order_payments_updated"),
        ),
        AddIndexConcurrently(
            model_name="payment",
            index=config.lib.database.LongNameIndex(
                fields=["status", "-updated_at", "-id"], name="idx_order_payments_status"
            ),
        ),
    ]

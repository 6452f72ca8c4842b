"""Payments are listed by when they were reported, however many there are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

from config.lib.database import LongNameIndex, patient


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("bulk_orders", "0003_orders_by_page")]

    operations = patient(
        AddIndexConcurrently(
            model_name="payment",
            index=LongNameIndex(fields=["-updated_at", "-id"], name="idx_order_payments_updated"),
        )
    )

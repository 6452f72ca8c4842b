"""Payments are narrowed by a status, and listed by when they were reported, however many there are."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

from config.lib.database import LongNameIndex, patient


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("bulk_orders", "0005_batches_know_their_request")]

    operations = patient(
        AddIndexConcurrently(
            model_name="payment",
            index=LongNameIndex(fields=["status", "-updated_at", "-id"], name="idx_order_payments_status"),
        )
    )

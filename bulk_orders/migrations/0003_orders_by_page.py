"""A filtered list of orders is found in the index alone, however few of a client's million rows it shows."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations

import config.lib.database


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("bulk_orders", "0002_database")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=config.lib.database.LongNameIndex(
                fields=["client", "-submitted_at", "-id"], include=("status",), name="idx_orders_page"
            ),
        ),
        RemoveIndexConcurrently(model_name="order", name="idx_orders_client"),
    ]

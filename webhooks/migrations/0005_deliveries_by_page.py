"""A filtered list of deliveries is found in the index alone, however few of an endpoint's million rows it shows."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations

import config.lib.database


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("webhooks", "0004_held_deliveries")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(
                fields=["webhook", "-created_at", "-id"],
                include=("status", "event"),
                name="idx_webhook_deliveries_page",
            ),
        ),
        RemoveIndexConcurrently(model_name="delivery", name="idx_webhook_deliveries_list"),
    ]

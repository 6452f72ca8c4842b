"""Finding what is held for an endpoint: without this, activating one reads all that was ever sent to it.

The index holds what waits for inactive endpoints alone, so sending and recording never write to it.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import config.lib.database


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("webhooks", "0003_webhook_hours")]

    operations = [
        AddIndexConcurrently(
            model_name="delivery",
            index=config.lib.database.LongNameIndex(
                condition=models.Q(("next_retry_at__isnull", True), ("status__in", ["pending", "retrying"])),
                fields=["webhook"],
                name="idx_webhook_deliveries_held",
            ),
        ),
    ]

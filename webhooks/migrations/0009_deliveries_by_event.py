"""Deliveries of an event that an endpoint seldom gets are found without walking all that it was sent."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

from config.lib.database import LongNameIndex, patient


class Migration(migrations.Migration):
    atomic = False  # a table of millions stays writable meanwhile

    dependencies = [("webhooks", "0008_owners_to_tell")]

    operations = patient(
        AddIndexConcurrently(
            model_name="delivery",
            index=LongNameIndex(fields=["webhook", "event"], name="idx_webhook_deliveries_event"),
        )
    )

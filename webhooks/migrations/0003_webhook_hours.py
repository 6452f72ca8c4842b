"""How endpoints did by the hour, so that analytics over ten million attempts read a few hundred rows."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from config.lib.database import foreign_key


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0002_database")]

    operations = [
        migrations.CreateModel(
            name="WebhookHour",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                ("delivered", models.BigIntegerField()),
                ("failed", models.BigIntegerField()),
                ("attempts", models.BigIntegerField(help_text="Of the deliveries that ended.")),
                (
                    "took",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        help_text="Of every attempt, see config.lib.histograms.",
                        size=None,
                    ),
                ),
                ("errors", models.JSONField(help_text="How often the most frequent errors occurred.")),
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="webhooks.webhook",
                    ),
                ),
            ],
            options={
                "db_table": "webhook_hours",
                "indexes": [models.Index(fields=["hour"], name="idx_webhook_hours_hour")],
                "constraints": [models.UniqueConstraint(fields=("webhook", "hour"), name="webhook_hours_key")],
            },
        ),
        foreign_key("webhook_hours", "webhook_id", "webhooks"),
    ]

"""The newest attempts are found without reading all that came since the last vacuum.

A BRIN index knows nothing of pages that were added after it was last summarized, so every look at the last minute read
them all: 7,000 pages and 0.4 s at ten million attempts. Now a range is summarized within a minute of being full.
"""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0006_vacuum_pace")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER INDEX idx_webhook_attempts_at SET (autosummarize = on)",
                    "ALTER INDEX idx_webhook_attempts_at RESET (autosummarize)",
                ),
            ],
            state_operations=[
                migrations.RemoveIndex(model_name="attempt", name="idx_webhook_attempts_at"),
                migrations.AddIndex(
                    model_name="attempt",
                    index=django.contrib.postgres.indexes.BrinIndex(
                        autosummarize=True, fields=["at"], name="idx_webhook_attempts_at", pages_per_range=32
                    ),
                ),
            ],
        ),
    ]

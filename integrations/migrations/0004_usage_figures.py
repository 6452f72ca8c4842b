"""Usage by the hour and by the day, so that a summary of ten million calls reads a few thousand rows."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from config.lib.database import foreign_key


def figures(name: str, table: str, column: models.DateTimeField, step: str) -> migrations.CreateModel:
    return migrations.CreateModel(
        name=name,
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("endpoint", models.TextField(help_text="The path, with {id} in place of ids.")),
            ("method", models.TextField()),
            ("calls", models.BigIntegerField()),
            ("errors", models.BigIntegerField()),
            (
                "took",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.IntegerField(), help_text="See config.lib.histograms.", size=None
                ),
            ),
            (step, column),
            (
                "integration",
                models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.DO_NOTHING,
                    related_name="+",
                    to="integrations.integration",
                ),
            ),
        ],
        options={
            "db_table": table,
            "indexes": [models.Index(fields=[step], name=f"idx_usage_{step}s_{step}")],
            "constraints": [
                models.UniqueConstraint(fields=("integration", step, "endpoint", "method"), name=f"{table}_key")
            ],
        },
    )


class Migration(migrations.Migration):
    dependencies = [("integrations", "0003_templates")]

    operations = [
        figures("UsageHour", "integration_usage_hours", models.DateTimeField(), "hour"),
        figures("UsageDay", "integration_usage_days", models.DateTimeField(help_text="Its midnight, UTC."), "day"),
        foreign_key("integration_usage_hours", "integration_id", "integrations"),
        foreign_key("integration_usage_days", "integration_id", "integrations"),
    ]

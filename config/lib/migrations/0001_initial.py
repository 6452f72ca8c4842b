from django.db import migrations, models

import config.lib.database
import config.lib.exact_json


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=config.lib.database.TransactionTime(), editable=False)),
                ("actor_id", models.IntegerField(blank=True, null=True)),
                ("actor", models.TextField(help_text="User name, or the system's part that acted.")),
                ("address", models.TextField(blank=True, null=True)),
                ("action", models.TextField(help_text="noun.verb, e.g. integration.suspended")),
                ("target_type", models.TextField()),
                ("target_id", models.TextField()),
                ("before", config.lib.exact_json.ExactJSONField(blank=True, null=True)),
                ("after", config.lib.exact_json.ExactJSONField(blank=True, null=True)),
                ("reason", models.TextField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "db_table": "audit_log",
                "indexes": [
                    config.lib.database.LongNameIndex(fields=["-at", "-id"], name="idx_audit_log_at"),
                    config.lib.database.LongNameIndex(
                        fields=["target_type", "target_id", "-id"], name="idx_audit_log_target"
                    ),
                ],
            },
        ),
    ]

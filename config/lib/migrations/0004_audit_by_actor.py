"""What somebody has done, newest first: the question that an auditor asks by name."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations

from config.lib.database import LongNameIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("kernel", "0003_figures")]

    operations = [
        AddIndexConcurrently(
            model_name="auditentry",
            index=LongNameIndex(fields=["actor", "-at", "-id"], name="idx_audit_log_actor"),
        ),
    ]

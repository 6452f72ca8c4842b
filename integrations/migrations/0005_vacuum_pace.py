"""As for deliveries (see that app's migration): a log of ten million calls is not to wait for a fifth of them to be old.

The figures of the current hour and day are updated every minute: room on the page lets that write no index.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("integrations", "0004_usage_figures")]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE integration_usage_logs
              SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
            ALTER TABLE integration_usage_hours SET (fillfactor = 70);
            ALTER TABLE integration_usage_days SET (fillfactor = 70);
            """,
            """
            ALTER TABLE integration_usage_days RESET (fillfactor);
            ALTER TABLE integration_usage_hours RESET (fillfactor);
            ALTER TABLE integration_usage_logs
              RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor);
            """,
        ),
    ]

"""Vacuum comes by share of a table, and a fifth of ten million rows is a long time to wait.

Retention takes a ninetieth of events, deliveries and attempts a day. Vacuumed after two hundredths, what it leaves is
filled again within two days; with PostgreSQL's fifth, tables would grow for eighteen days first. Inserted rows are
looked at as often: a page that is known to be visible to all answers filtered lists from the index alone, and spares the
table one great freeze years later. `webhook_hours` is updated every minute until its hour is over: room on the page
lets that write no index. None of these locks anybody out.
"""

from django.db import migrations

PACE = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02"
NO_PACE = "autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor"


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0005_deliveries_by_page")]

    operations = [
        migrations.RunSQL(
            f"""
            ALTER TABLE webhook_events SET ({PACE});
            ALTER TABLE webhook_deliveries SET ({PACE});
            ALTER TABLE webhook_delivery_attempts SET ({PACE});
            ALTER TABLE webhook_hours SET (fillfactor = 70);
            """,
            f"""
            ALTER TABLE webhook_hours RESET (fillfactor);
            ALTER TABLE webhook_delivery_attempts RESET ({NO_PACE});
            ALTER TABLE webhook_deliveries RESET ({NO_PACE});
            ALTER TABLE webhook_deliveries SET (autovacuum_vacuum_scale_factor = 0.05);
            ALTER TABLE webhook_events RESET ({NO_PACE});
            """,
        ),
    ]

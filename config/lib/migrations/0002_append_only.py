"""The audit log can be added to and read, nothing else: not by this application, not by its operators' mistakes.

Retention says so in its transaction (`gateway.audit_retention`), and even then a year's entries cannot be deleted.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF TG_OP = 'DELETE' AND current_setting('gateway.audit_retention', true) = 'on' THEN
                IF OLD.at < now() - interval '365 days' THEN RETURN OLD; END IF;
              END IF;
              RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
            END $$;
            CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
              FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
            CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log
              FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
            """,
            """
            DROP TRIGGER audit_log_no_truncate ON audit_log;
            DROP TRIGGER audit_log_append_only ON audit_log;
            DROP FUNCTION audit_log_refuse();
            """,
        )
    ]

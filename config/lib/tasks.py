"""What beat has done for the kernel."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from config.lib import audit, backup, ledgers
from config.lib.retention import delete_in_batches

LOG_INS_KEPT = timedelta(days=365)


@shared_task
def roll_up_figures() -> None:
    """Count what has happened since the last time; lost or doubled, it changes nothing but the moment."""
    ledgers.roll_up(now=timezone.now())


@shared_task
def back_up() -> None:
    """A backup, where there is a place for it."""
    if settings.BACKUP_DIR:
        backup.back_up(now=timezone.now())


@shared_task
def delete_old_audit_entries() -> None:
    """Retention of the audit log. The database lets nothing else delete there, and this only past a year."""
    older_than = timezone.now() - timedelta(days=settings.AUDIT_RETENTION_DAYS)
    delete_in_batches("audit_log", "at", older_than, flag=audit.RETENTION_FLAG)


@shared_task
def forget_sessions() -> None:
    """Retention of sessions that have ended, of failed log-ins past their lockout, and of the record of log-ins."""
    now = timezone.now()
    delete_in_batches("django_session", "expire_date", now)
    delete_in_batches("axes_accessattempt", "attempt_time", now - settings.AXES_COOLOFF_TIME)
    delete_in_batches("axes_accesslog", "attempt_time", now - LOG_INS_KEPT)

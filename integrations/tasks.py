"""What beat has done for the integrations. Each may be lost or doubled without harm."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from config.lib.retention import delete_in_batches
from integrations import services, usage


@shared_task
def roll_up_usage() -> None:
    """Bring logged calls into the integrations' counters."""
    usage.roll_up()


@shared_task
def delete_old_usage() -> None:
    """Retention of the usage log."""
    older_than = timezone.now() - timedelta(days=settings.USAGE_RETENTION_DAYS)
    delete_in_batches("integration_usage_logs", "timestamp", older_than)


@shared_task
def forget_replaced_credentials() -> None:
    """Erase key pairs whose grace is over. They pass no more since it ended; now they are gone."""
    services.forget_replaced(now=timezone.now())

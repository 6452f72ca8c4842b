"""Settings under which orders would be refused or left lying: found at start."""

from django.conf import settings
from django.core.checks import CheckMessage, Error

LIMITS = ("BULK_ORDERS_MAX", "BULK_UPLOAD_MAX_ORDERS", "MAX_BODY_BYTES", "MAX_UPLOAD_BYTES")
TASKS = ("bulk_orders.tasks.sweep", "bulk_orders.tasks.forget_idempotency_keys")


def check_limits(**_: object) -> list[CheckMessage]:
    """bulk_orders.E001: a limit below one refuses every submission."""
    return [
        Error(f"{name} must be at least 1", id="bulk_orders.E001") for name in LIMITS if getattr(settings, name) < 1
    ]


def check_schedule(**_: object) -> list[CheckMessage]:
    """bulk_orders.E002: without the sweep a batch whose message was lost waits for ever."""
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    return [
        Error(f"CELERY_BEAT_SCHEDULE must run {task}", id="bulk_orders.E002") for task in TASKS if task not in scheduled
    ]

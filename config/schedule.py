"""What beat starts, and how often.

What staff change in the console, under *Periodic tasks*, holds until beat starts again.
"""

from datetime import timedelta
from typing import Any


def every(task: str, **span: float) -> dict[str, Any]:
    """An entry of Celery's. A message that nobody has taken by the time of the next is dropped."""
    period = timedelta(**span)
    return {"task": task, "schedule": period, "options": {"expires": period.total_seconds()}}


def schedule(*, backup_every_hours: int) -> dict[str, dict[str, Any]]:
    return {
        "deliver what is due": every("webhooks.tasks.sweep", seconds=2),
        "process stalled batches": every("bulk_orders.tasks.sweep", seconds=5),
        "roll up usage": every("integrations.tasks.roll_up_usage", seconds=5),
        "roll up figures": every("config.lib.tasks.roll_up_figures", minutes=1),
        "tell owners of disabled webhooks": every("webhooks.tasks.tell_owners", minutes=1),
        "forget former webhook secrets": every("webhooks.tasks.forget_former_secrets", minutes=10),
        "forget replaced credentials": every("integrations.tasks.forget_replaced_credentials", minutes=10),
        "forget idempotency keys": every("bulk_orders.tasks.forget_idempotency_keys", hours=1),
        "forget sessions": every("config.lib.tasks.forget_sessions", hours=1),
        "delete old events": every("webhooks.tasks.delete_old_events", hours=1),
        "delete old usage": every("integrations.tasks.delete_old_usage", days=1),
        "delete old audit entries": every("config.lib.tasks.delete_old_audit_entries", days=1),
        "back up": every("config.lib.tasks.back_up", hours=backup_every_hours),
    }

"""The scheduler of beat: django-celery-beat's, editable in the admin, that shows a pulse."""

from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from config.lib import health


class BeatingScheduler(DatabaseScheduler):  # type: ignore[misc]  # the library is untyped
    def tick(self, *args: Any, **kwargs: Any) -> float:
        health.beat(health.BEAT_BEAT)
        # At the latest back before the pulse would be missed.
        return min(float(super().tick(*args, **kwargs)), health.HEARTBEAT_SECONDS / 3)

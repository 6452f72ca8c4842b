"""The Celery application. Tasks carry ids only; the database holds the work."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent

from config.lib import devservices, health

devservices.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()  # for every thread, also those that a web server makes


@heartbeat_sent.connect
def worker_is_alive(**_: Any) -> None:
    """Every two seconds, from the worker's main process: also while all of its children are busy."""
    health.beat(health.WORKER_BEAT)

"""The Celery application. Tasks carry ids only; the database holds the work."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, setup_logging, task_prerun, worker_ready
from django.conf import settings
from django.db import close_old_connections
from kombu.transport.redis import Channel

from config.lib import devservices, health
from config.lib.metrics import door
from config.lib.observation import observe_tasks

devservices.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Nor are messages put back when the connection is lost: see CELERY_BROKER_TRANSPORT_OPTIONS.
Channel.do_restore = False

app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["config"], related_name="understudy")  # workers load it, after the apps that it knows
app.set_default()  # for every thread, also those that a web server makes
observe_tasks()


@heartbeat_sent.connect
def worker_is_alive(**_: Any) -> None:
    """Every two seconds, from the worker's main process: also while all of its children are busy."""
    health.beat(health.WORKER_BEAT)


@task_prerun.connect
def look_at_the_connection(**_: Any) -> None:
    """One that is old, or has failed, is closed; the others are asked for a sign of life at their next use."""
    close_old_connections()


@worker_ready.connect
def offer_metrics(**_: Any) -> None:
    if settings.METRICS_PORT:
        door.serve(settings.METRICS_HOST, settings.METRICS_PORT)


@setup_logging.connect
def keep_the_log(**_: Any) -> None:
    """Django has set it up; Celery leaves it alone because somebody listens here."""

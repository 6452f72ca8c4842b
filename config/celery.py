"""The Celery application. Tasks carry ids only; the database holds the work."""

import os

from celery import Celery

from config.lib import devservices

devservices.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()  # for every thread, also those that a web server makes

"""config.wsgi with the routes of the benchmark."""

from django.conf import settings

from config.wsgi import application

settings.ROOT_URLCONF = "config.benchmark.urls"

__all__ = ["application"]
